#include "engine/expr_like.h"

#include "engine/expr_predicate.h"
#include "engine/like_pattern.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::RowIndex;
using vector::StringRef;

namespace {

class LikeNode final : public StrictPredicate {
 public:
  LikeNode(ExprNode& arg, std::string_view pattern, bool negated, base::Arena& arena)
      : StrictPredicate(arena), arg_(arg), pattern_(pattern), negated_(negated) {}

 protected:
  const std::uint64_t* prepare(const Frame& frame, Rows rows) override {
    values_ = arg_.evaluate(frame, rows);
    return values_.validity;
  }

  std::uint32_t test(Rows rows, RowIndex* passed) override {
    const auto* values = values_.as<StringRef>();
    return select_rows(rows, passed, [&](std::uint32_t row) {
      return pattern_.matches(values[row].view()) != negated_;
    });
  }

 private:
  ExprNode& arg_;
  LikePattern pattern_;
  bool negated_;
  ColumnView values_;
};

}  // namespace

std::unique_ptr<ExprNode> make_like(ExprNode& arg, std::string_view pattern, bool negated,
                                    base::Arena& arena) {
  return std::make_unique<LikeNode>(arg, pattern, negated, arena);
}

}  // namespace sluice::engine
