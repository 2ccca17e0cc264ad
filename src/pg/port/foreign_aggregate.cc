#include "pg/port/foreign_aggregate.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "pg/border/call.h"
#include "pg/port/aggregate_machinery.h"
#include "pg/port/column_datum.h"
#include "pg/port/foreign_definition.h"
#include "pg/port/types.h"
#include "pg/port/value_error.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using vector::ColumnView;
using vector::RowIndex;

/// Where an input of the aggregate comes from. Shape: a constant has column -1.
struct InputSource {
  int column;
  Oid type;
  StoredForm form;
  NullableDatum constant;
};

/// Owns: nothing; it lies in the machinery's memory context.
struct Assembled {
  AggregateMachinery machinery;
  InputSource* inputs;
  int input_count;
  StoredForm result_form;
  MemoryContext strings;  // of the last results
};

/// Runs in: call().
Assembled assemble(const char* text, int arg_count, bool looks_for_ties) {
  MemoryContext parsed =
      AllocSetContextCreate(CurrentMemoryContext, "sluice aggregate's text", ALLOCSET_SMALL_SIZES);
  MemoryContext around = MemoryContextSwitchTo(parsed);
  auto* aggref = reinterpret_cast<Aggref*>(stringToNode(text));
  MemoryContextSwitchTo(around);
  if (!IsA(aggref, Aggref)) {
    elog(ERROR, "foreign aggregate is none");
  }
  Assembled made{};
  made.machinery = assemble_aggregate(aggref, looks_for_ties);
  MemoryContext outer = MemoryContextSwitchTo(made.machinery.estate->es_query_cxt);
  made.input_count = list_length(aggref->args);
  made.inputs = static_cast<InputSource*>(
      palloc0(sizeof(InputSource) * static_cast<std::size_t>(made.input_count + 1)));
  for (int i = 0; i < made.input_count; ++i) {
    auto* expr =
        reinterpret_cast<Node*>(static_cast<TargetEntry*>(list_nth(aggref->args, i))->expr);
    InputSource& input = made.inputs[i];
    input.type = getBaseType(exprType(expr));
    input.form = stored_form_of(input.type);
    input.column = -1;
    if (IsA(expr, Const)) {
      const auto* constant = reinterpret_cast<const Const*>(expr);
      input.constant = {
          datumCopy(constant->constvalue, constant->constbyval || constant->constisnull,
                    constant->constlen),
          constant->constisnull};
    } else if (IsA(expr, Param) && reinterpret_cast<const Param*>(expr)->paramid >= 1 &&
               reinterpret_cast<const Param*>(expr)->paramid <= arg_count) {
      input.column = reinterpret_cast<const Param*>(expr)->paramid - 1;
    } else {
      elog(ERROR, "foreign aggregate has no argument %d", i);
    }
  }
  made.result_form = stored_form_of(aggref->aggtype);
  made.strings =
      AllocSetContextCreate(CurrentMemoryContext, "sluice aggregates", ALLOCSET_SMALL_SIZES);
  MemoryContextSwitchTo(outer);
  MemoryContextDelete(parsed);
  return made;
}

enum class Outcome : std::uint8_t { kFine, kOrderShows, kTooLong };

class PgForeignAggregate final : public engine::ForeignAggregate {
 public:
  PgForeignAggregate(const Assembled& made, const plan::AggregateCall& call,
                     std::span<const DataType> args)
      : made_(made),
        arg_types_(args.begin(), args.end()),
        result_type_(call.result),
        errors_abandon_(call.foreign.errors_abandon),
        looks_for_zeros_(call.foreign.order == plan::RowOrder::kChecked &&
                         made.machinery.transition->numSortCols == 0 &&
                         made.machinery.extreme_equal == nullptr) {}

  void grow(std::uint32_t groups) override {
    if (groups > made_.machinery.group_count) {
      attempt([&] {
        grow_aggregate(made_.machinery, groups);
        return Outcome::kFine;
      });
    }
  }
  void add(std::span<const ColumnView> args, const RowIndex* rows, const std::uint32_t* groups,
           std::uint32_t count) override {
    attempt([&] {
      for (std::uint32_t i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext outer = MemoryContextSwitchTo(row_context(made_.machinery));
        if (!load(args, rows[i])) {
          MemoryContextSwitchTo(outer);
          return Outcome::kOrderShows;
        }
        advance_aggregate(made_.machinery, groups[i]);
        MemoryContextSwitchTo(outer);
      }
      return Outcome::kFine;
    });
  }
  void finish(std::uint32_t first, std::uint32_t count,
              const engine::ValueBuffer& result) override {
    attempt([&] {
      MemoryContextReset(made_.strings);
      Strings strings{made_.strings, 0};
      for (std::uint32_t i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const NullableDatum value = finish_aggregate(made_.machinery, first + i);
        if (made_.machinery.has_ties) {
          return Outcome::kOrderShows;
        }
        const std::uint64_t bit = std::uint64_t{1} << (i % 64);
        result.validity[i / 64] &= ~bit;
        if (value.isnull) {
          continue;
        }
        result.validity[i / 64] |= bit;
        MemoryContext outer = MemoryContextSwitchTo(row_context(made_.machinery));
        const bool fits =
            store_datum(value.value, result_type_, made_.result_form, i, result.values, strings);
        MemoryContextSwitchTo(outer);
        if (!fits) {
          return Outcome::kTooLong;
        }
      }
      return Outcome::kFine;
    });
  }
  void reset() override {
    call([this] { reset_aggregate(made_.machinery); });
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return aggregate_bytes(made_.machinery);
  }
  void close() override {
    call([this] { dismantle_aggregate(made_.machinery); });
  }

 private:
  /// The inputs of a row, in the current memory context. False for a negative zero among values of
  /// which PostgreSQL's functions choose one: it could be a zero that equals it. Runs in: call().
  bool load(std::span<const ColumnView> args, std::uint32_t row) {
    for (int i = 0; i < made_.input_count; ++i) {
      const InputSource& input = made_.inputs[i];
      NullableDatum& target = made_.machinery.inputs[i];
      if (input.column < 0) {
        target = input.constant;
        continue;
      }
      const auto column = static_cast<std::size_t>(input.column);
      target.isnull = args[column].is_null(row);
      target.value =
          target.isnull ? 0 : datum_of(args[column], row, arg_types_[column], input.form);
      if (looks_for_zeros_ && !target.isnull && is_negative_zero(target.value, input.type)) {
        return false;
      }
    }
    return true;
  }
  static bool is_negative_zero(Datum value, Oid type) noexcept {
    const double number = type == FLOAT8OID   ? DatumGetFloat8(value)
                          : type == FLOAT4OID ? DatumGetFloat4(value)
                                              : 1;
    return number == 0 && std::signbit(number);
  }

  /// An error of a value is PostgreSQL's plan's to raise, which may not come to it; but users'
  /// functions may leave behind what only the end of the transaction undoes.
  template <typename Step>
  void attempt(Step&& step) {
    Outcome outcome = Outcome::kFine;
    try {
      outcome = call(step);
    } catch (const PgError& error) {
      if (errors_abandon_ && is_of_the_value(error)) {
        discard(error);
        base::throw_abandon("an aggregate raised an error");
      }
      throw;
    }
    if (outcome == Outcome::kOrderShows) {
      base::throw_abandon("an aggregate's result depends on the order of equal values");
    }
    if (outcome == Outcome::kTooLong) {
      base::throw_abandon("results that PostgreSQL computed are too long");
    }
  }

  Assembled made_;
  std::vector<DataType> arg_types_;
  DataType result_type_;
  bool errors_abandon_;
  bool looks_for_zeros_;
};

}  // namespace

std::unique_ptr<engine::ForeignAggregate> make_foreign_aggregate(const plan::AggregateCall& call,
                                                                 std::span<const DataType> args) {
  const std::string aggref = foreign_node_text(call.foreign.definition);
  const char* const text = aggref.c_str();
  const auto arg_count = static_cast<int>(args.size());
  const bool looks_for_ties = call.foreign.order == plan::RowOrder::kChecked;
  const Assembled made = pg::call([=] { return assemble(text, arg_count, looks_for_ties); });
  return std::make_unique<PgForeignAggregate>(made, call, args);
}

}  // namespace sluice::pg
