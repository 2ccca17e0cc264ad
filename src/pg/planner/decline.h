// Why a part of a plan stays PostgreSQL's.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace sluice::pg {

enum class Reason : std::uint8_t {
  kStatement,   // the statement as a whole: its command, its row locks, its cursor
  kCost,        // PostgreSQL's plan is estimated to be cheaper
  kPlanNode,    // a plan node that Sluice does not have
  kRelation,    // a relation that Sluice does not read
  kType,        // a type that Sluice does not have
  kExpression,  // an operator, function or form of expression
  kJoin,        // a join type or condition
  kAggregate,   // an aggregate function or a form of aggregation
  kOrder,       // a sort order
  kParameter,   // a value that is not known before the run starts
  kOverflow,    // a run that might have to be abandoned after its first row
  kMemory,      // a hash table that is expected to outgrow its memory
  kSpec,        // the lowered plan broke a rule of its own format
};

struct Decline {
  Reason reason = Reason::kPlanNode;
  std::string detail;

  friend bool operator==(const Decline&, const Decline&) = default;
};

/// As EXPLAIN and why_not print it: "aggregate: count(DISTINCT ...)".
[[nodiscard]] std::string to_string(const Decline& decline);

/// Ends the lowering of one subtree; caught in subtree.cc, never leaves this room.
class Declined final : public std::exception {
 public:
  explicit Declined(Decline&& decline) noexcept : decline_(std::move(decline)) {}
  [[nodiscard]] const Decline& decline() const noexcept { return decline_; }
  [[nodiscard]] const char* what() const noexcept override { return decline_.detail.c_str(); }

 private:
  Decline decline_;
};

[[noreturn]] void decline(Reason reason, std::string detail);

}  // namespace sluice::pg
