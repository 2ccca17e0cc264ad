#include "pg/source/decode/tuple_group.h"

#include <algorithm>

#include "base/check.h"
#include "pg/source/decode/row_set.h"

namespace sluice::pg {
namespace {

/// The bitmap of tuples that store none.
constexpr std::array<std::uint8_t, (kAttributeCountMask + 8) / 8> kNoNulls = [] {
  std::array<std::uint8_t, (kAttributeCountMask + 8) / 8> bits{};
  bits.fill(0xFF);
  return bits;
}();

std::uint32_t attributes_of(const std::uint8_t* tuple) noexcept {
  return load_bytes<std::uint16_t>(tuple + kInfomask2Offset) & kAttributeCountMask;
}

bool has_null_bitmap(const std::uint8_t* tuple) noexcept {
  return (load_bytes<std::uint16_t>(tuple + kInfomaskOffset) & kHasNulls) != 0;
}

/// The eight bytes that end with t_hoff, and the bits of them that say where attributes lie.
constexpr std::size_t kHeaderWordOffset = kDataStartOffset + 1 - sizeof(std::uint64_t);
constexpr std::uint64_t kHeaderWordMask =
    std::uint64_t{kAttributeCountMask} << 8 * (kInfomask2Offset - kHeaderWordOffset) |
    std::uint64_t{kHasNulls} << 8 * (kInfomaskOffset - kHeaderWordOffset) |
    std::uint64_t{0xFF} << 8 * (kDataStartOffset - kHeaderWordOffset);

std::uint64_t header_word(const std::uint8_t* tuple) noexcept {
  return load_bytes<std::uint64_t>(tuple + kHeaderWordOffset);
}

}  // namespace

void TupleGroup::load(std::span<const TupleBytes> tuples, ReadAhead* ahead) {
  SLUICE_CHECK(tuples.size() <= vector::kBatchRowsMax, "a page group is larger than a batch");
  rows_ = static_cast<std::uint32_t>(tuples.size());
  ahead_ = ahead != nullptr ? ahead : &nothing_ahead_;
  if (!load_alike(tuples)) {
    load_different(tuples);
  }
}

/// The common case: all headers say the same, and there are no NULLs. Returns whether it is so.
bool TupleGroup::load_alike(std::span<const TupleBytes> tuples) {
  if (tuples.empty() || tuples[0].length < kDataStartMin || has_null_bitmap(tuples[0].data)) {
    return false;
  }
  const std::uint64_t first = header_word(tuples[0].data);
  const std::uint32_t start = tuples[0].data[kDataStartOffset];
  std::uint64_t differences = 0;
  std::uintptr_t addresses = 0;
  std::uint32_t length_min = tuples[0].length;
  const std::uint8_t** data = data_.data();
  const std::uint8_t** ends = end_.data();
  ahead_->lines(rows_).for_each(DenseRows{0, rows_}, [&, data, ends](std::size_t, std::size_t row) {
    const TupleBytes& tuple = tuples[row];
    SLUICE_CHECK_BYTES(tuple.length >= kDataStartMin, "a heap tuple is shorter than its header");
    differences |= header_word(tuple.data) ^ first;
    addresses |= reinterpret_cast<std::uintptr_t>(tuple.data);
    length_min = std::min(length_min, tuple.length);
    data[row] = tuple.data + start;
    ends[row] = tuple.data + tuple.length;
  });
  if ((differences & kHeaderWordMask) != 0 || start < kDataStartMin || start > length_min ||
      (addresses | start) % kDataAlignment != 0) {
    return false;
  }
  attributes_min_ = attributes_of(tuples[0].data);
  data_bytes_min_ = length_min - start;
  any_nulls_ = false;
  are_alike_ = true;
  full_ = ~std::uint64_t{0};
  return true;
}

void TupleGroup::load_different(std::span<const TupleBytes> tuples) {
  std::uint32_t attributes_min = kAttributeCountMask;
  std::uint32_t attributes_max = 0;
  bool any_nulls = false;
  bool broken = false;
  ahead_->lines(rows_).for_each(DenseRows{0, rows_}, [&](std::size_t, std::size_t row) {
    const std::uint8_t* tuple = tuples[row].data;
    const std::uint32_t length = tuples[row].length;
    SLUICE_CHECK_BYTES(length >= kDataStartMin, "a heap tuple is shorter than its header");
    const std::uint32_t start = tuple[kDataStartOffset];
    const std::uint32_t attributes = attributes_of(tuple);
    const bool has_nulls = has_null_bitmap(tuple);
    const std::uint32_t header_bytes =
        has_nulls ? kNullBitmapOffset + (attributes + 7) / 8 : kNullBitmapOffset;
    const std::uint8_t* data = tuple + start;
    broken |= start < header_bytes || start < kDataStartMin || start > length ||
              reinterpret_cast<std::uintptr_t>(data) % kDataAlignment != 0;
    any_nulls |= has_nulls;
    attributes_min = std::min(attributes_min, attributes);
    attributes_max = std::max(attributes_max, attributes);
    data_[row] = data;
    end_[row] = tuple + length;
  });
  SLUICE_CHECK_BYTES(!broken, "a heap tuple's header does not fit the tuple");
  attributes_min_ = attributes_min;
  data_bytes_min_ = 0;
  any_nulls_ = any_nulls;
  are_alike_ = !any_nulls && attributes_min >= attributes_max;
  if (!are_alike_) {
    load_headers(tuples);
  }
  full_ = ~std::uint64_t{0};
  if (any_nulls_) {
    find_full_attributes();
  }
}

void TupleGroup::load_headers(std::span<const TupleBytes> tuples) noexcept {
  for (std::uint32_t row = 0; row < rows_; ++row) {
    const std::uint8_t* tuple = tuples[row].data;
    nulls_[row] = has_null_bitmap(tuple) ? tuple + kNullBitmapOffset : kNoNulls.data();
    attributes_[row] = static_cast<std::uint16_t>(attributes_of(tuple));
  }
}

void TupleGroup::find_full_attributes() noexcept {
  std::uint64_t full = ~std::uint64_t{0};
  for (std::uint32_t row = 0; row < rows_; ++row) {
    if (nulls_[row] == kNoNulls.data()) {
      continue;
    }
    const std::uint32_t bitmap_bytes = std::min<std::uint32_t>((attributes_[row] + 7U) / 8, 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, nulls_[row], bitmap_bytes);
    full &= bits;
  }
  full_ = full;
}

}  // namespace sluice::pg
