#include "engine/expr_in.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "engine/expr_predicate.h"
#include "engine/expr_string_order.h"
#include "engine/physical.h"
#include "vector/hash.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

namespace {

// Beyond this many constants a hash is cheaper than a look at each.
constexpr std::size_t kLinearMax = 8;

std::uint64_t hash_of(std::int64_t value) noexcept {
  return vector::hash_integer(static_cast<std::uint64_t>(value));
}
std::uint64_t hash_of(base::Int128 value) noexcept {
  return vector::hash_integer(static_cast<std::uint64_t>(value) ^
                              (static_cast<std::uint64_t>(value >> 64) * 31));
}
std::uint64_t hash_of(const StringRef& value) noexcept { return vector::hash_bytes(value.view()); }

/// A fixed set of keys by linear probing; at most half full.
template <typename Key>
class ConstantSet {
 public:
  explicit ConstantSet(std::vector<Key> keys)
      : keys_(std::move(keys)), slots_(std::bit_ceil(keys_.size() * 2 + 1), 0) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      std::size_t slot = hash_of(keys_[i]) & (slots_.size() - 1);
      while (slots_[slot] != 0) {
        slot = (slot + 1) & (slots_.size() - 1);
      }
      slots_[slot] = static_cast<std::uint32_t>(i + 1);
    }
  }
  [[nodiscard]] bool contains(const Key& key) const noexcept {
    std::size_t slot = hash_of(key) & (slots_.size() - 1);
    while (slots_[slot] != 0) {
      if (keys_[slots_[slot] - 1] == key) {
        return true;
      }
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return false;
  }
  [[nodiscard]] const std::vector<Key>& keys() const noexcept { return keys_; }

 private:
  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_;  // 1 + index of a key, 0 = free
};

// A value as the key under which equal values are equal bit by bit, and the test for one key.

template <typename KeyOf>
class KeyTest {
 public:
  explicit KeyTest(const typename KeyOf::Key& key) noexcept : key_(key) {}
  bool operator()(const typename KeyOf::Value& value) const noexcept {
    return KeyOf::of(value) == key_;
  }

 private:
  typename KeyOf::Key key_;
};

template <typename T>
struct IntegerKey {
  using Value = T;
  using Key = std::conditional_t<sizeof(T) == 16, base::Int128, std::int64_t>;
  using Test = KeyTest<IntegerKey>;
  static Key of(T value) noexcept { return value; }
};

struct FloatKey {
  using Value = double;
  using Key = std::int64_t;
  using Test = KeyTest<FloatKey>;
  static Key of(double value) noexcept {
    if (std::isnan(value)) {
      value = std::numeric_limits<double>::quiet_NaN();
    }
    return std::bit_cast<std::int64_t>(value == 0 ? 0.0 : value);
  }
};

struct BytesKey {
  using Value = StringRef;
  using Key = StringRef;
  using Test = KeyTest<BytesKey>;
  static const StringRef& of(const StringRef& value) noexcept { return value; }
};

struct BlankPaddedKey {
  using Value = StringRef;
  using Key = StringRef;
  using Test = BlankPaddedEqual;
  static StringRef of(const StringRef& value) noexcept {
    return vector::without_trailing_blanks(value);
  }
};

template <typename KeyOf>
class InNode final : public StrictPredicate {
 public:
  using Key = typename KeyOf::Key;
  InNode(ExprNode& arg, std::vector<Key> keys, bool null_in_list, bool negated, base::Arena& arena)
      : StrictPredicate(arena),
        arg_(arg),
        set_(std::move(keys)),
        tests_(set_.keys().begin(), set_.keys().end()),
        null_in_list_(null_in_list),
        negated_(negated) {}

 protected:
  const std::uint64_t* prepare(const Frame& frame, Rows rows) override {
    values_ = arg_.evaluate(frame, rows);
    return values_.validity;
  }

  std::uint32_t test(Rows rows, RowIndex* passed) override {
    const auto* values = values_.as<typename KeyOf::Value>();
    const bool negated = negated_;
    if (set_.keys().size() > kLinearMax) {
      return select_rows(rows, passed, [&](std::uint32_t row) {
        return set_.contains(KeyOf::of(values[row])) != negated;
      });
    }
    const typename KeyOf::Test* tests = tests_.data();
    const std::size_t count = tests_.size();
    return select_rows(rows, passed, [=](std::uint32_t row) {
      unsigned hit = 0;
      for (std::size_t i = 0; i < count; ++i) {
        hit |= tests[i](values[row]) ? 1U : 0U;
      }
      return (hit != 0) != negated;
    });
  }

  [[nodiscard]] bool no_is_null() const noexcept override { return null_in_list_; }

 private:
  ExprNode& arg_;
  ConstantSet<Key> set_;
  std::vector<typename KeyOf::Test> tests_;  // one a key, which stays in its place in `set_`
  bool null_in_list_;
  bool negated_;
  ColumnView values_;
};

template <typename KeyOf>
std::unique_ptr<ExprNode> make_node(ExprNode& arg, std::span<const ColumnView> constants,
                                    bool null_in_list, bool negated, base::Arena& arena) {
  std::vector<typename KeyOf::Key> keys;
  keys.reserve(constants.size());
  for (const ColumnView& constant : constants) {
    keys.push_back(KeyOf::of(*constant.as<typename KeyOf::Value>()));
  }
  return std::make_unique<InNode<KeyOf>>(arg, std::move(keys), null_in_list, negated, arena);
}

}  // namespace

std::unique_ptr<ExprNode> make_in(const plan::DataType& type, ExprNode& arg,
                                  std::span<const ColumnView> constants, bool null_in_list,
                                  bool negated, base::Arena& arena) {
  SLUICE_CHECK(!negated || !null_in_list, "NOT IN with a NULL is not a negated IN");
  const auto make = [&](auto key_of) {
    return make_node<decltype(key_of)>(arg, constants, null_in_list, negated, arena);
  };
  switch (physical_type_of(type)) {
    case PhysicalType::kInt8:
      return make(IntegerKey<std::int8_t>{});
    case PhysicalType::kInt16:
      return make(IntegerKey<std::int16_t>{});
    case PhysicalType::kInt32:
      return make(IntegerKey<std::int32_t>{});
    case PhysicalType::kInt64:
      return make(IntegerKey<std::int64_t>{});
    case PhysicalType::kInt128:
      return make(IntegerKey<base::Int128>{});
    case PhysicalType::kFloat64:
      return make(FloatKey{});
    case PhysicalType::kVarlen:
      break;
  }
  return type.kind == plan::TypeKind::kBpchar ? make(BlankPaddedKey{}) : make(BytesKey{});
}

}  // namespace sluice::engine
