#include "engine/direct_index.h"

#include <algorithm>
#include <cstring>

namespace sluice::engine {

namespace {

// A hash table takes four to a row and one more access to compare the key.
constexpr std::uint64_t kSlotsPerRowMax = 6;
constexpr std::uint64_t kSlotsFree = 1024;  // whatever the rows

}  // namespace

bool DirectIndex::try_open(const RowStore& store, std::size_t column) {
  const vector::PhysicalType type = store.layout().field(column).type;
  if (!is_integer(type) || store.rows() == 0) {
    return false;
  }
  IntegerRange range;
  with_integer(type, [&]<typename T>(T) { range = integer_range<T>(store, column); });
  if (range.span >= std::max(kSlotsFree, store.rows() * kSlotsPerRowMax)) {
    return false;
  }
  const auto bytes = static_cast<std::size_t>(range.span + 1) * sizeof(std::uint32_t);
  // Room for a reservation in the array's own steps.
  if (budget_.limit_bytes() - budget_.used_bytes() < std::max<std::size_t>(bytes, 256)) {
    return false;
  }
  slots_.reserve(bytes);
  std::memset(slots_.data(), 0, bytes);
  column_ = column;
  type_ = type;
  range_ = range;
  open_ = true;
  return true;
}

bool DirectIndex::enter_all(RowStore& store) {
  bool has_duplicates = false;
  if (store.may_hold_null(column_)) {
    for (std::uint32_t number = 1; number <= store.rows(); ++number) {
      store.set_header(number, 0);
    }
  }
  std::uint32_t* const slots = this->slots();
  with_integer(type_, [&]<typename T>(T) {
    for_values(store, column_, [&](std::uint32_t number) {
      std::uint32_t& first = slots[range_.offset(store.value<T>(number, column_))];
      if (first == 0) {
        first = number;
        store.set_header(number, 0);
      } else {
        store.set_header(number, store.header(first));
        store.set_header(first, number);
        has_duplicates = true;
      }
    });
  });
  return has_duplicates;
}

void DirectIndex::find(const vector::ColumnView& keys, const vector::RowIndex* rows,
                       std::uint32_t count, std::uint32_t* numbers) const noexcept {
  with_integer(type_, [&]<typename T>(T) {
    const T* values = keys.as<T>();
    const std::uint32_t* slots = this->slots();
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t offset = range_.offset(values[rows[i]]);
      const bool in_range = offset <= range_.span;
      const std::uint32_t number = slots[in_range ? offset : 0];
      numbers[i] = in_range ? number : 0;
    }
  });
}

}  // namespace sluice::engine
