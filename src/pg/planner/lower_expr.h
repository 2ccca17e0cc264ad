// PostgreSQL's expressions as the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"
#include "pg/planner/operator_table.h"
#include "pg/planner/scope.h"
#include "plan/expr.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What a condition yields.
constexpr plan::DataType kBoolType = plan::DataType::of(plan::TypeKind::kBool);

/// A lowered expression.
/// Shape: `scale` is there where the values of a numeric differ in their scale (CASE with branches
///        of several scales): an int4 expression that is NULL exactly where the value is.
struct Value {
  plan::Expr expr;
  bool not_null = false;
  std::optional<plan::Expr> scale;
};

/// Lowers the expressions of one plan node over one scope.
/// Errors: Declined for what the engine does not have; PgError.
class ExprLowering {
 public:
  /// Borrows both.
  ExprLowering(Lowering& lowering, const Scope& scope) noexcept
      : lowering_(lowering), scope_(scope) {}

  [[nodiscard]] Value lower(Node* expr);
  /// As lower(), but only what has one scale.
  [[nodiscard]] plan::Expr lower_fixed(Node* expr);
  /// As lower_fixed(), with each value as PostgreSQL has it: a numeric in its own scale, which only
  /// opaque bytes have room for.
  [[nodiscard]] plan::Expr lower_exact(Node* expr);
  /// The members of an implicitly ANDed list, in their order.
  [[nodiscard]] std::vector<plan::Expr> lower_conjuncts(List* quals);

 private:
  struct Branch {
    plan::Expr condition;
    Value result;
  };
  struct TestValue {
    const Value* value;
    TestValue* outer;
  };

  // lower_expr.cc
  Value lower_any(Node* expr);
  Value lower_leaf(Node* leaf);
  Value lower_constant(const Const& constant);
  Value lower_parameter(Node* expr);
  Value add_parameter(Node* expr, const ParamType& type);
  Value lower_relabel(const RelabelType& relabel);
  Value lower_bool(const BoolExpr& expr);
  Value lower_null_test(const NullTest& test);

  // lower_operator.cc
  Value lower_function(Node* expr, Oid function, List* args, Oid collation);
  Value lower_number(Node* expr);
  Value lower_arithmetic(const OperatorEntry& entry, Node* expr, Value left, Value right);
  Value lower_negate(Node* expr, Value operand);
  Value lower_cast(Node* expr, Value operand);
  Value lower_extract(List* args);
  Value lower_comparison(plan::Op op, Value left, Value right, Oid collation);
  Value lower_date_comparison(plan::Op op, Node* date, Node* timestamp);
  Value lower_like(plan::Op op, Value string, Node* pattern);
  Value lower_substring(Node* expr, List* args);
  [[nodiscard]] bool is_open_numeric(Node* expr) const;
  std::optional<Value> lower_bounded_comparison(plan::Op op, Node* left, Node* right);
  Value lower_array_test(const ScalarArrayOpExpr& test);

  // lower_foreign.cc
  std::optional<Value> lower_foreign(Node* expr);

  // lower_conditional.cc
  Value lower_case(const CaseExpr& expr);
  Value lower_coalesce(const CoalesceExpr& expr);
  Value lower_boolean_test(const BooleanTest& test);
  /// Shape: `users_before` is `users_calls_` before them.
  Value choose(std::vector<Branch> branches, Value otherwise, std::size_t users_before);

  void note_abandon(const char* what);
  /// To be called before `expr` is copied: nested copies grow as a power of their depth.
  void note_copy(const plan::Expr& expr);
  /// To be called before what has been lowered since `users_calls_` was `before` is copied: who
  /// wrote a function may count its calls.
  /// Errors: Declined where that calls users' functions.
  void check_called_once(std::size_t before) const;

  Lowering& lowering_;
  const Scope& scope_;
  std::size_t depth_ = 0;            // of the calls around
  bool too_deep_ = false;            // depth_ has met its bound
  std::size_t copied_exprs_ = 0;     // with all that is below them
  std::size_t users_calls_ = 0;      // of functions of users' that have been lowered
  int conditional_depth_ = 0;        // > 0: PostgreSQL might not evaluate this part
  TestValue* test_value_ = nullptr;  // of the CASE x WHEN ... around
};

/// The plan's type of an expression, or nothing.
[[nodiscard]] std::optional<plan::DataType> data_type_of_expr(Node* expr);
/// The same with the types that are only carried.
[[nodiscard]] std::optional<plan::DataType> carried_type_of_expr(Node* expr);

/// `expr` as a value of `type`: retyped if constant, else by a cast where the types differ.
/// Errors: Declined where a constant does not fit.
[[nodiscard]] plan::Expr cast_to(plan::Expr expr, const plan::DataType& type);

/// The type to which both are cast before they are compared; nothing where there is none.
struct CommonType {
  plan::DataType type;
  bool may_overflow = false;
};
[[nodiscard]] std::optional<CommonType> common_type(const plan::DataType& a,
                                                    const plan::DataType& b);
/// The same for values that are compared; nothing where only PostgreSQL compares them.
[[nodiscard]] std::optional<CommonType> comparable_type(const plan::DataType& a,
                                                        const plan::DataType& b);

/// What kind of expression this is, for a reason's detail.
[[nodiscard]] std::string describe_expr(Node* expr);

}  // namespace sluice::pg
