#include "pg/planner/second_planning.h"

#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <jit/jit.h>
#include <optimizer/cost.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// The planner's settings that give a plan its shape. They are set behind the configuration
/// system's back, for the time of one call: nobody can see them in between.
struct Shape {
  bool nestloop;
  bool mergejoin;
  bool hashjoin;
  bool hashagg;
  bool seqscan;
  bool indexscan;
  bool indexonlyscan;
  bool bitmapscan;
  bool memoize;
  bool gathermerge;
  bool sort;
  bool incremental_sort;
  bool partitionwise_join;
  bool partitionwise_aggregate;
  bool jit;
  int workers_per_gather;
};

// material stays: it keeps the inner side of a nested loop from running again and again. jit is off
// because the penalties of this shape would turn it on.
constexpr Shape kHashShape = {
    .nestloop = false,
    .mergejoin = false,
    .hashjoin = true,
    .hashagg = true,
    .seqscan = true,
    .indexscan = false,
    .indexonlyscan = false,
    .bitmapscan = false,
    .memoize = false,
    .gathermerge = false,
    .sort = false,
    .incremental_sort = false,
    .partitionwise_join = false,
    .partitionwise_aggregate = false,
    .jit = false,
    .workers_per_gather = 0,
};

Shape current_shape() noexcept {
  return {enable_nestloop,
          enable_mergejoin,
          enable_hashjoin,
          enable_hashagg,
          enable_seqscan,
          enable_indexscan,
          enable_indexonlyscan,
          enable_bitmapscan,
          enable_memoize,
          enable_gathermerge,
          enable_sort,
          enable_incremental_sort,
          enable_partitionwise_join,
          enable_partitionwise_aggregate,
          jit_enabled,
          max_parallel_workers_per_gather};
}

void set_shape(const Shape& shape) noexcept {
  enable_nestloop = shape.nestloop;
  enable_mergejoin = shape.mergejoin;
  enable_hashjoin = shape.hashjoin;
  enable_hashagg = shape.hashagg;
  enable_seqscan = shape.seqscan;
  enable_indexscan = shape.indexscan;
  enable_indexonlyscan = shape.indexonlyscan;
  enable_bitmapscan = shape.bitmapscan;
  enable_memoize = shape.memoize;
  enable_gathermerge = shape.gathermerge;
  enable_sort = shape.sort;
  enable_incremental_sort = shape.incremental_sort;
  enable_partitionwise_join = shape.partitionwise_join;
  enable_partitionwise_aggregate = shape.partitionwise_aggregate;
  jit_enabled = shape.jit;
  max_parallel_workers_per_gather = shape.workers_per_gather;
}

/// A correlated subquery runs once a row, a recursive query's inner part once a level: without its
/// index or its nested loop it would scan tables each time.
Shape shape_with_lookups(const Shape& outer) noexcept {
  Shape shape = kHashShape;
  shape.nestloop = outer.nestloop;
  shape.indexscan = outer.indexscan;
  shape.indexonlyscan = outer.indexonlyscan;
  shape.bitmapscan = outer.bitmapscan;
  return shape;
}

bool second_planning = false;
Shape outer_shape;   // while second_planning
Shape second_shape;  // likewise

/// Sets the hash shape; its end brings back what was.
class HashShapeScope {
 public:
  explicit HashShapeScope(bool keep_lookups) noexcept {
    outer_shape = current_shape();
    second_shape = keep_lookups ? shape_with_lookups(outer_shape) : kHashShape;
    second_planning = true;
    set_shape(second_shape);
  }
  HashShapeScope(const HashShapeScope&) = delete;
  HashShapeScope& operator=(const HashShapeScope&) = delete;
  ~HashShapeScope() {
    set_shape(outer_shape);
    second_planning = false;
  }
};

}  // namespace

PlannedStmt* plan_in_hash_shape(const PlanningCall& planning, bool keep_lookups) {
  const HashShapeScope scope(keep_lookups);
  return call([&planning] {
    return planning.planner(planning.query, planning.text, planning.cursor_options,
                            planning.params);
  });
}

bool in_second_planning() noexcept { return second_planning; }

PlannedStmt* plan_inside_second_planning(const PlanningCall& planning) {
  // An error on the way leaves through plan_in_hash_shape(), which brings everything back.
  set_shape(outer_shape);
  PlannedStmt* planned =
      planning.planner(planning.query, planning.text, planning.cursor_options, planning.params);
  set_shape(second_shape);
  return planned;
}

}  // namespace sluice::pg
