// Rows as plain values, for tests: made at random, turned into batches, read back as text.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/operator.h"
#include "engine/physical.h"
#include "engine/test_value.h"
#include "vector/batch.h"

namespace sluice::engine::testing {

inline Value read_value(const vector::ColumnView& column, std::uint32_t row) {
  using vector::PhysicalType;
  if (column.is_null(row)) {
    return null_value();
  }
  switch (column.type) {
    case PhysicalType::kInt8:
      return of(column.as<std::int8_t>()[row]);
    case PhysicalType::kInt16:
      return of(column.as<std::int16_t>()[row]);
    case PhysicalType::kInt32:
      return of(column.as<std::int32_t>()[row]);
    case PhysicalType::kInt64:
      return of(column.as<std::int64_t>()[row]);
    case PhysicalType::kInt128:
      return {false, column.as<base::Int128>()[row], 0, {}};
    case PhysicalType::kFloat64:
      return of_real(column.as<double>()[row]);
    case PhysicalType::kVarlen:
      return of_text(std::string(column.as<vector::StringRef>()[row].view()));
  }
  return {};
}

inline void read_batch(const vector::Batch& batch, Rows& rows) {
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    Row row;
    for (const vector::ColumnView& column : batch.columns()) {
      row.push_back(read_value(column, batch.row(i)));
    }
    rows.push_back(std::move(row));
  }
}

/// A batch that owns its values. With `spread`, rows that do not count lie between those that do.
class OwnedBatch {
 public:
  OwnedBatch(const Types& types, std::span<const Row> rows, bool spread) {
    const std::size_t step = spread ? 2 : 1;
    const std::size_t physical = rows.size() * step;
    for (std::size_t c = 0; c < types.size(); ++c) {
      add_column(types[c], c, rows, step, physical);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      selection_.push_back(static_cast<vector::RowIndex>(i * step));
    }
    const auto count = static_cast<std::uint32_t>(rows.size());
    batch_ = spread ? vector::Batch(views_, static_cast<std::uint32_t>(physical), selection_.data(),
                                    count)
                    : vector::Batch(views_, count);
  }
  OwnedBatch(const OwnedBatch&) = delete;
  OwnedBatch& operator=(const OwnedBatch&) = delete;
  [[nodiscard]] const vector::Batch& get() const { return batch_; }

 private:
  void add_column(const plan::DataType& type, std::size_t c, std::span<const Row> rows,
                  std::size_t step, std::size_t physical) {
    const vector::PhysicalType physical_type = physical_type_of(type);
    const std::size_t width = vector::width_bytes(physical_type);
    auto& bytes = storage_.emplace_back(physical * width / 16 + 1);
    auto& validity = validity_.emplace_back(physical / 64 + 1, ~std::uint64_t{0});
    bool has_null = false;
    bool has_nan = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Value& value = rows[i][c];
      const std::size_t row = i * step;
      auto* target = reinterpret_cast<std::byte*>(bytes.data()) + row * width;
      if (value.null) {
        has_null = true;
        validity[row / 64] &= ~(std::uint64_t{1} << (row % 64));
      } else if (type.is_varlen()) {
        const std::string& kept = texts_.emplace_back(value.text);
        const vector::StringRef ref(kept.data(), static_cast<std::uint32_t>(kept.size()));
        std::memcpy(target, static_cast<const void*>(&ref), sizeof ref);
      } else if (type.kind == plan::TypeKind::kFloat64) {
        std::memcpy(target, &value.real, sizeof value.real);
      } else {
        std::memcpy(target, &value.integer, width);
        has_nan |= is_decimal(type) && value.integer == nan_of(type);
      }
    }
    views_.push_back({physical_type, has_nan, bytes.data(), has_null ? validity.data() : nullptr});
  }

  struct alignas(16) Block {
    std::byte bytes[16];
  };
  std::deque<std::vector<Block>> storage_;
  std::deque<std::vector<std::uint64_t>> validity_;
  std::deque<std::string> texts_;
  std::vector<vector::RowIndex> selection_;
  std::vector<vector::ColumnView> views_;
  vector::Batch batch_;
};

/// All types that the engine has.
inline Types all_types() {
  using plan::TypeKind;
  return {plan::DataType::of(TypeKind::kBool),      plan::DataType::of(TypeKind::kInt16),
          plan::DataType::of(TypeKind::kInt32),     plan::DataType::of(TypeKind::kInt64),
          plan::DataType::of(TypeKind::kFloat64),   plan::DataType::decimal(15, 2),
          plan::DataType::decimal(30, 4),           plan::DataType::of(TypeKind::kDate),
          plan::DataType::of(TypeKind::kTimestamp), plan::DataType::of(TypeKind::kText),
          plan::DataType::of(TypeKind::kBpchar),    plan::DataType::of(TypeKind::kUuid),
          plan::DataType::of(TypeKind::kBytea)};
}

struct RandomOptions {
  int distinct = 10;      // about so many values a column
  double nulls = 0.1;     // share of NULLs
  double special = 0.02;  // share of NaN, infinities, -0
  bool infinities = true;
};

class RandomRows {
 public:
  explicit RandomRows(std::uint64_t seed) : random_(seed) {}

  Value value(const plan::DataType& type, const RandomOptions& options) {
    if (chance(options.nulls)) {
      return null_value();
    }
    const std::int64_t pick = below(options.distinct);
    switch (type.kind) {
      case plan::TypeKind::kBool:
        return of(pick % 2);
      case plan::TypeKind::kFloat64:
        if (chance(options.special)) {
          const double specials[] = {std::nan(""), -0.0, 0.0,
                                     std::numeric_limits<double>::infinity()};
          return of_real(specials[below(options.infinities ? 4 : 3)]);
        }
        return of_real(static_cast<double>(pick) - 3);
      case plan::TypeKind::kText:
      case plan::TypeKind::kBpchar:
      case plan::TypeKind::kBytea:
        return of_text(text(pick, type));
      case plan::TypeKind::kDecimal:
        if (chance(options.special)) {
          return {false, nan_of(type), 0, {}};
        }
        return {false, (pick - 3) * (type.is_decimal64() ? 1 : base::Int128{1} << 70), 0, {}};
      default:
        return of(pick - 3);
    }
  }

  Rows rows(const Types& types, std::size_t count, const RandomOptions& options) {
    Rows result(count);
    for (Row& row : result) {
      for (const plan::DataType& type : types) {
        row.push_back(value(type, options));
      }
    }
    return result;
  }

  std::int64_t below(std::int64_t bound) {
    return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
  }
  bool chance(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }

 private:
  // Short and long ones, some that differ only late; bpchar with blanks that do not count.
  std::string text(std::int64_t pick, const plan::DataType& type) {
    std::string result =
        pick % 3 == 0 ? std::string(static_cast<std::size_t>(14 + pick % 5), 'x') : std::string();
    result += std::to_string(pick);
    if (type.kind == plan::TypeKind::kBpchar) {
      result.append(static_cast<std::size_t>(below(4)), ' ');
    }
    return pick == 1 ? std::string() : result;
  }

  std::mt19937_64 random_;
};

/// Cuts rows into batches of random sizes, half of them with a selection, and hands them to `use`.
template <typename Use>
void for_batches(const Types& types, const Rows& rows, RandomRows& random, Use use) {
  std::size_t begin = 0;
  while (begin < rows.size()) {
    const bool spread = random.chance(0.5);
    const std::int64_t most = spread ? vector::kBatchRowsMax / 2 : vector::kBatchRowsMax;
    const std::size_t count = std::min<std::size_t>(
        rows.size() - begin,
        static_cast<std::size_t>(random.chance(0.5) ? most : random.below(most) + 1));
    const OwnedBatch batch(types, std::span(rows).subspan(begin, count), spread);
    use(batch.get());
    begin += count;
  }
}

inline Rows drain(Source& source) {
  Rows rows;
  vector::Batch batch;
  while (source.next(batch) == SourceState::kBatch) {
    read_batch(batch, rows);
  }
  source.close();
  return rows;
}

/// All that a streaming operator makes of the rows.
inline Rows run_operator(Operator& stage, const Types& types, const Rows& rows,
                         RandomRows& random) {
  Rows result;
  vector::Batch out;
  for_batches(types, rows, random, [&](const vector::Batch& batch) {
    OperatorState state;
    do {
      state = stage.process(batch, out);
      read_batch(out, result);
    } while (state == OperatorState::kHaveMore);
  });
  OperatorState state;
  do {
    state = stage.flush(out);
    read_batch(out, result);
  } while (state == OperatorState::kHaveMore);
  return result;
}

inline std::vector<std::string> sorted_texts(const Types& types, const Rows& rows) {
  std::vector<std::string> result;
  for (const Row& row : rows) {
    result.push_back(text_of(types, row));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace sluice::engine::testing
