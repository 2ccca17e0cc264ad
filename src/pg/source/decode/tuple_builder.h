// Heap tuples made by hand, for the decoder's tests, fuzzer and benchmark.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/int128.h"
#include "pg/source/decode/attribute_layout.h"
#include "pg/source/decode/heap_format.h"
#include "pg/source/decode/tuple_group.h"

namespace sluice::pg {

using Bytes = std::vector<std::uint8_t>;

/// An attribute's stored bytes, its varlena header included.
struct StoredValue {
  Bytes bytes;
  bool aligned = true;  // false for a short varlena or a toast pointer, which are never padded
};

template <typename T>
[[nodiscard]] StoredValue stored_fixed(T value) {
  StoredValue stored{Bytes(sizeof value), true};
  std::memcpy(stored.bytes.data(), &value, sizeof value);
  return stored;
}

[[nodiscard]] inline StoredValue stored_short(std::span<const std::uint8_t> payload) {
  StoredValue stored{Bytes(payload.size() + 1), false};
  stored.bytes[0] = static_cast<std::uint8_t>(stored.bytes.size() << 1 | 1);
  std::ranges::copy(payload, stored.bytes.begin() + 1);
  return stored;
}

/// `flags`: 0 for a plain value, 2 for a compressed one.
[[nodiscard]] inline StoredValue stored_long(std::span<const std::uint8_t> payload,
                                             std::uint32_t flags = 0) {
  StoredValue stored{Bytes(payload.size() + kLongHeaderBytes), true};
  const auto header = static_cast<std::uint32_t>(stored.bytes.size() << 2 | flags);
  std::memcpy(stored.bytes.data(), &header, sizeof header);
  std::ranges::copy(payload, stored.bytes.begin() + kLongHeaderBytes);
  return stored;
}

[[nodiscard]] inline StoredValue stored_toast_pointer() {
  StoredValue stored{Bytes(kExternalOnDiskBytes, 0xA5), false};
  stored.bytes[0] = kExternalHeader;
  stored.bytes[1] = kExternalOnDiskTag;
  return stored;
}

/// A numeric's payload. Shape: `value` has `scale` digits after the point; `long_form` forces the
/// 4-byte header.
[[nodiscard]] inline Bytes numeric_payload(base::Int128 value, int scale, bool long_form = false) {
  base::UInt128 rest =
      value < 0 ? -static_cast<base::UInt128>(value) : static_cast<base::UInt128>(value);
  std::vector<std::uint16_t> digits;  // least significant first
  int weight = -((scale + kNumericGroupDigits - 1) / kNumericGroupDigits);
  const int cut = -weight * kNumericGroupDigits - scale;
  std::uint16_t unit = 1;
  for (int i = 0; i < cut; ++i) {
    unit = static_cast<std::uint16_t>(unit * 10);
  }
  if (cut > 0) {
    const std::uint16_t step = static_cast<std::uint16_t>(kNumericBase / unit);
    digits.push_back(static_cast<std::uint16_t>(rest % step * unit));
    rest /= step;
  }
  for (; rest != 0; rest /= kNumericBase) {
    digits.push_back(static_cast<std::uint16_t>(rest % kNumericBase));
  }
  weight += static_cast<int>(digits.size()) - 1;
  while (!digits.empty() && digits.back() == 0) {
    digits.pop_back();
    --weight;
  }
  while (!digits.empty() && digits.front() == 0) {
    digits.erase(digits.begin());
  }
  if (digits.empty()) {
    weight = 0;
  }
  Bytes payload;
  const auto put = [&payload](int word) {
    payload.push_back(static_cast<std::uint8_t>(word));
    payload.push_back(static_cast<std::uint8_t>(word >> 8));
  };
  if (long_form || weight > 63 || weight < -64) {
    put((value < 0 ? kNumericNegative : 0) | scale);
    put(weight);
  } else {
    put(kNumericShort | (value < 0 ? 1 << kNumericShortSignShift : 0) | scale << 7 |
        (weight & kNumericShortWeightBits));
  }
  for (std::size_t i = digits.size(); i-- > 0;) {
    put(digits[i]);
  }
  return payload;
}

/// Lays out tuples as heap_form_tuple does, each in an allocation of its own length, so that a
/// sanitizer sees every read outside it.
class TupleBuilder {
 public:
  explicit TupleBuilder(std::vector<AttributeLayout> attributes)
      : attributes_(std::move(attributes)) {}

  /// Shape: values for the first attributes; a tuple with fewer is older than the others.
  void add(const std::vector<std::optional<StoredValue>>& values) {
    bool nulls = false;
    for (const auto& value : values) {
      nulls |= !value.has_value();
    }
    const std::size_t header = kNullBitmapOffset + (nulls ? (values.size() + 7) / 8 : 0);
    const std::size_t start = (header + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
    Bytes tuple(start, 0);
    const auto infomask2 = static_cast<std::uint16_t>(values.size());
    const std::uint16_t infomask = nulls ? kHasNulls : 0;
    std::memcpy(tuple.data() + kInfomask2Offset, &infomask2, 2);
    std::memcpy(tuple.data() + kInfomaskOffset, &infomask, 2);
    tuple[kDataStartOffset] = static_cast<std::uint8_t>(start);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i]) {
        continue;
      }
      if (nulls) {
        tuple[kNullBitmapOffset + i / 8] |= static_cast<std::uint8_t>(1 << (i % 8));
      }
      const std::size_t alignment = values[i]->aligned ? attributes_[i].alignment : 1;
      tuple.resize((tuple.size() + alignment - 1) / alignment * alignment, 0);
      tuple.insert(tuple.end(), values[i]->bytes.begin(), values[i]->bytes.end());
    }
    add_bytes(tuple);
  }

  /// A tuple as it is.
  void add_bytes(std::span<const std::uint8_t> bytes) {
    auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
    std::memcpy(copy.get(), bytes.data(), bytes.size());
    tuples_.push_back({copy.get(), static_cast<std::uint32_t>(bytes.size())});
    storage_.push_back(std::move(copy));
  }

  [[nodiscard]] std::span<const TupleBytes> tuples() const noexcept { return tuples_; }
  [[nodiscard]] const std::vector<AttributeLayout>& attributes() const noexcept {
    return attributes_;
  }

 private:
  std::vector<AttributeLayout> attributes_;
  std::vector<TupleBytes> tuples_;
  std::vector<std::unique_ptr<std::uint8_t[]>> storage_;
};

}  // namespace sluice::pg
