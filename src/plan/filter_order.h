// The order in which a scan evaluates its conditions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plan/plan_spec.h"

namespace sluice::plan {

/// Whether evaluating `expr` for a row may raise a query error: integer and float arithmetic, dates
/// that are no timestamps, malformed patterns. Decimals that outgrow their representation abandon
/// the run, but raise nothing.
[[nodiscard]] bool may_raise(const Expr& expr) noexcept;

/// Whether the aggregate may. An overflow of a float sum is PostgreSQL's error, as all that foreign
/// calls raise; that of an integer or decimal sum is none.
[[nodiscard]] bool call_may_raise(const AggregateCall& call) noexcept;

/// Whether any expression or aggregate of the run in the tree may; what PostgreSQL executes for it
/// is not looked into.
[[nodiscard]] bool node_may_raise(const PlanNode& node) noexcept;

/// The same only of what is computed while rows of `node` go out already.
[[nodiscard]] bool streamed_rows_may_raise(const PlanNode& node) noexcept;

/// Puts the first of the scan's filters, up to the first that may raise, in the order of the last
/// attribute that each reads: a heap tuple is walked from its front, and so a condition on an early
/// attribute spares the walk to the later ones. Those from there on stay as they are, since a row
/// must not reach one that may raise unless it passed all before it.
void order_filters(ScanSpec& scan);

/// Which of the scan's filters, or their number, is the first that is better evaluated after a test
/// on `column` that cannot raise: the first on a later attribute, behind all that may raise.
[[nodiscard]] std::size_t place_of_test(const ScanSpec& scan, std::uint32_t column);

}  // namespace sluice::plan
