// Functions of one argument that change its type: casts and extract(year).
#pragma once

#include <memory>

#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// Whether a cast keeps every value and its bytes, so that the argument is the result.
[[nodiscard]] bool is_relabeling(const plan::DataType& from, const plan::DataType& to) noexcept;

/// The casts of plan::Op::kCast, but for relabelings.
/// Errors: kAbandon for a decimal that does not fit, 22008 for a date beyond timestamp's range;
///         kInternal at once for a cast that plan::Op::kCast does not name.
/// Source: PostgreSQL's date2timestamp, int4_numeric.., rtrim1, i4tod..
[[nodiscard]] std::unique_ptr<ExprNode> make_cast(const plan::DataType& from,
                                                  const plan::DataType& to, ExprNode& arg,
                                                  base::Arena& arena);

/// The year of a date or timestamp as a decimal of scale 0; 1 BC is -1.
/// Errors: kAbandon for an infinite argument, whose year is numeric's infinity.
/// Source: PostgreSQL's extract_date and extract_timestamp.
[[nodiscard]] std::unique_ptr<ExprNode> make_extract_year(const plan::DataType& from,
                                                          const plan::DataType& to, ExprNode& arg,
                                                          base::Arena& arena);

/// Units: days since 2000-01-01 in the proleptic Gregorian calendar; there is no year 0.
[[nodiscard]] std::int64_t year_of_day(std::int64_t day) noexcept;

}  // namespace sluice::engine
