#include "pg/port/aggregate_machinery.h"

#include <algorithm>

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_type.h>
#include <executor/execExpr.h>
#include <executor/executor.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_agg.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/expandeddatum.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// What pg_aggregate says.
struct AggregateFacts {
  Oid transition_function;
  Oid final_function;
  bool final_extra;
  Oid sort_operator;  // of min and max
  Datum initial_value;
  bool initial_is_null;
};

AggregateFacts facts_of(const Aggref* aggref) {
  HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
  if (!HeapTupleIsValid(tuple)) {
    elog(ERROR, "cache lookup failed for aggregate %u", aggref->aggfnoid);
  }
  const auto* form = reinterpret_cast<const FormData_pg_aggregate*>(GETSTRUCT(tuple));
  AggregateFacts facts{};
  facts.transition_function = form->aggtransfn;
  facts.final_function = form->aggfinalfn;
  facts.final_extra = form->aggfinalextra;
  facts.sort_operator = form->aggsortop;
  const Datum initial =
      SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval, &facts.initial_is_null);
  if (!facts.initial_is_null) {
    Oid input = InvalidOid;
    Oid io_param = InvalidOid;
    getTypeInputInfo(aggref->aggtranstype, &input, &io_param);
    facts.initial_value = OidInputFunctionCall(input, TextDatumGetCString(initial), io_param, -1);
  }
  ReleaseSysCache(tuple);
  return facts;
}

/// A strict function without an initial state takes the first value for one. CREATE AGGREGATE has
/// checked that it can; the function may have become strict since.
void check_first_state(const AggStatePerTransData& transition, const Oid* types, int arg_count,
                       int direct_arg_count) {
  if (transition.transfn.fn_strict && transition.initValueIsNull &&
      (arg_count <= direct_arg_count ||
       !IsBinaryCoercible(types[direct_arg_count], transition.aggtranstype))) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                    errmsg("aggregate %u needs to have compatible input type and transition type",
                           transition.aggref->aggfnoid)));
  }
}

bool is_ordered_set(const AggregateMachinery& machinery) noexcept {
  return AGGKIND_IS_ORDERED_SET(machinery.final->aggref->aggkind);
}

void set_up_sort(AggregateMachinery& machinery, const Aggref* aggref) {
  AggStatePerTransData& transition = *machinery.transition;
  List* clauses = aggref->aggdistinct != NIL ? aggref->aggdistinct : aggref->aggorder;
  const int count = list_length(clauses);
  transition.numSortCols = count;
  transition.numDistinctCols = aggref->aggdistinct != NIL ? count : 0;
  transition.sortdesc = ExecTypeFromTL(aggref->args);
  transition.sortslot = MakeSingleTupleTableSlot(transition.sortdesc, &TTSOpsMinimalTuple);
  transition.uniqslot = MakeSingleTupleTableSlot(transition.sortdesc, &TTSOpsMinimalTuple);
  const auto size = static_cast<std::size_t>(count);
  transition.sortColIdx = static_cast<AttrNumber*>(palloc(size * sizeof(AttrNumber)));
  transition.sortOperators = static_cast<Oid*>(palloc(size * sizeof(Oid)));
  transition.sortCollations = static_cast<Oid*>(palloc(size * sizeof(Oid)));
  transition.sortNullsFirst = static_cast<bool*>(palloc(size * sizeof(bool)));
  auto* equal_operators = static_cast<Oid*>(palloc(size * sizeof(Oid)));
  for (int i = 0; i < count; ++i) {
    auto* clause = static_cast<SortGroupClause*>(list_nth(clauses, i));
    const TargetEntry* entry = get_sortgroupclause_tle(clause, aggref->args);
    transition.sortColIdx[i] = entry->resno;
    transition.sortOperators[i] = clause->sortop;
    transition.sortCollations[i] = exprCollation(reinterpret_cast<Node*>(entry->expr));
    transition.sortNullsFirst[i] = clause->nulls_first;
    equal_operators[i] = clause->eqop;
  }
  const FormData_pg_attribute* first = TupleDescAttr(transition.sortdesc, 0);
  transition.inputtypeLen = first->attlen;
  transition.inputtypeByVal = first->attbyval;
  if (transition.numDistinctCols == 0 && !machinery.looks_for_ties) {
    return;
  }
  if (transition.numInputs == 1) {
    fmgr_info(get_opcode(equal_operators[0]), &transition.equalfnOne);
  } else {
    transition.equalfnMulti =
        execTuplesMatchPrepare(transition.sortdesc, count, transition.sortColIdx, equal_operators,
                               transition.sortCollations, nullptr);
  }
}

void set_up_transition(AggregateMachinery& machinery, Aggref* aggref, const AggregateFacts& facts) {
  AggStatePerTransData& transition = *machinery.transition;
  Oid types[FUNC_MAX_ARGS];
  const int arg_count = get_aggregate_argtypes(aggref, types);
  transition.aggref = aggref;
  transition.aggshared = false;
  transition.aggCollation = aggref->inputcollid;
  transition.transfn_oid = facts.transition_function;
  transition.aggtranstype = aggref->aggtranstype;
  transition.initValue = facts.initial_value;
  transition.initValueIsNull = facts.initial_is_null;
  transition.numInputs = list_length(aggref->args);
  transition.numTransInputs = is_ordered_set(machinery) ? transition.numInputs : arg_count;
  get_typlenbyval(aggref->aggtranstype, &transition.transtypeLen, &transition.transtypeByVal);
  Expr* call_expr = nullptr;
  build_aggregate_transfn_expr(types, arg_count, machinery.direct_arg_count, aggref->aggvariadic,
                               aggref->aggtranstype, aggref->inputcollid, facts.transition_function,
                               InvalidOid, &call_expr, nullptr);
  fmgr_info(facts.transition_function, &transition.transfn);
  fmgr_info_set_expr(reinterpret_cast<Node*>(call_expr), &transition.transfn);
  check_first_state(transition, types, arg_count, machinery.direct_arg_count);
  const auto args = static_cast<short>(transition.numTransInputs + 1);
  transition.transfn_fcinfo =
      static_cast<FunctionCallInfo>(palloc0(SizeForFunctionCallInfo(static_cast<size_t>(args))));
  InitFunctionCallInfoData(*transition.transfn_fcinfo, &transition.transfn, args,
                           transition.aggCollation, reinterpret_cast<Node*>(machinery.state),
                           nullptr);
  if (!is_ordered_set(machinery) && (aggref->aggdistinct != NIL || aggref->aggorder != NIL)) {
    set_up_sort(machinery, aggref);
  }
}

void set_up_final(AggregateMachinery& machinery, Aggref* aggref, const AggregateFacts& facts) {
  AggStatePerAggData& final = *machinery.final;
  final.transno = 0;
  final.finalfn_oid = facts.final_function;
  Oid types[FUNC_MAX_ARGS];
  const int arg_count = get_aggregate_argtypes(aggref, types);
  final.numFinalArgs = 1 + (facts.final_extra ? arg_count : machinery.direct_arg_count);
  get_typlenbyval(aggref->aggtype, &final.resulttypeLen, &final.resulttypeByVal);
  if (OidIsValid(facts.final_function)) {
    Expr* call_expr = nullptr;
    build_aggregate_finalfn_expr(types, final.numFinalArgs, aggref->aggtranstype, aggref->aggtype,
                                 aggref->inputcollid, facts.final_function, &call_expr);
    fmgr_info(facts.final_function, &final.finalfn);
    fmgr_info_set_expr(reinterpret_cast<Node*>(call_expr), &final.finalfn);
  }
}

void set_up_extreme(AggregateMachinery& machinery, const AggregateFacts& facts) {
  const AggStatePerTransData& transition = *machinery.transition;
  if (!machinery.looks_for_ties || !OidIsValid(facts.sort_operator) || transition.numSortCols > 0) {
    return;
  }
  const Oid equal = get_equality_op_for_ordering_op(facts.sort_operator, nullptr);
  if (OidIsValid(equal)) {
    machinery.extreme_equal = static_cast<FmgrInfo*>(palloc0(sizeof(FmgrInfo)));
    fmgr_info(get_opcode(equal), machinery.extreme_equal);
  }
}

void set_up_direct_args(AggregateMachinery& machinery, const Aggref* aggref) {
  machinery.direct_arg_count = list_length(aggref->aggdirectargs);
  const auto count = static_cast<std::size_t>(machinery.direct_arg_count);
  machinery.direct_args = static_cast<NullableDatum*>(palloc0((count + 1) * sizeof(NullableDatum)));
  for (int i = 0; i < machinery.direct_arg_count; ++i) {
    const auto* constant = static_cast<const Const*>(list_nth(aggref->aggdirectargs, i));
    if (!IsA(constant, Const)) {
      elog(ERROR, "direct argument %d of an aggregate is no constant", i);
    }
    machinery.direct_args[i] = {constant->constvalue, constant->constisnull};
  }
}

/// Room for `count` elements, of which the old ones are kept.
template <typename T>
T* grown(T* array, std::size_t count, MemoryContext context) {
  const std::size_t bytes = count * sizeof(T);
  return static_cast<T*>(array == nullptr ? MemoryContextAllocHuge(context, bytes)
                                          : repalloc_huge(array, bytes));
}

void begin_sort(AggregateMachinery& machinery) {
  AggStatePerTransData& transition = *machinery.transition;
  MemoryContext outer = MemoryContextSwitchTo(machinery.estate->es_query_cxt);
  if (transition.numInputs == 1) {
    machinery.sort =
        tuplesort_begin_datum(TupleDescAttr(transition.sortdesc, 0)->atttypid,
                              transition.sortOperators[0], transition.sortCollations[0],
                              transition.sortNullsFirst[0], work_mem, nullptr, TUPLESORT_NONE);
  } else {
    machinery.sort =
        tuplesort_begin_heap(transition.sortdesc, transition.numSortCols, transition.sortColIdx,
                             transition.sortOperators, transition.sortCollations,
                             transition.sortNullsFirst, work_mem, nullptr, TUPLESORT_NONE);
  }
  MemoryContextSwitchTo(outer);
}

void end_sort(AggregateMachinery& machinery) {
  if (machinery.sort != nullptr) {
    tuplesort_end(machinery.sort);
    machinery.sort = nullptr;
  }
}

void begin_group(AggregateMachinery& machinery, AggStatePerGroupData& group) {
  const AggStatePerTransData& transition = *machinery.transition;
  if (transition.numSortCols > 0) {
    begin_sort(machinery);
  }
  group.transValue = transition.initValue;
  if (!transition.initValueIsNull) {
    MemoryContext outer =
        MemoryContextSwitchTo(machinery.state->curaggcontext->ecxt_per_tuple_memory);
    group.transValue =
        datumCopy(transition.initValue, transition.transtypeByVal, transition.transtypeLen);
    MemoryContextSwitchTo(outer);
  }
  group.transValueIsNull = transition.initValueIsNull;
  group.noTransValue = transition.initValueIsNull;
}

/// Whether a strict transition function is not to be called for these inputs.
bool is_skipped(const AggStatePerTransData& transition, const NullableDatum* inputs) noexcept {
  return transition.transfn.fn_strict &&
         std::any_of(inputs, inputs + transition.numTransInputs,
                     [](const NullableDatum& input) { return input.isnull; });
}

/// The transition function's arguments are in place, and not to be skipped.
/// Source: advance_transition_function()
void advance(AggregateMachinery& machinery, AggStatePerGroupData& group) {
  AggStatePerTransData& transition = *machinery.transition;
  FunctionCallInfo fcinfo = transition.transfn_fcinfo;
  if (transition.transfn.fn_strict) {
    if (group.noTransValue) {
      MemoryContext outer =
          MemoryContextSwitchTo(machinery.state->curaggcontext->ecxt_per_tuple_memory);
      group.transValue =
          datumCopy(fcinfo->args[1].value, transition.transtypeByVal, transition.transtypeLen);
      group.transValueIsNull = false;
      group.noTransValue = false;
      MemoryContextSwitchTo(outer);
      return;
    }
    if (group.transValueIsNull) {
      return;  // the function has returned NULL before
    }
  }
  MemoryContext outer = MemoryContextSwitchTo(machinery.state->tmpcontext->ecxt_per_tuple_memory);
  machinery.state->curpertrans = &transition;
  fcinfo->args[0] = {group.transValue, group.transValueIsNull};
  fcinfo->isnull = false;
  Datum value = FunctionCallInvoke(fcinfo);
  machinery.state->curpertrans = nullptr;
  if (!transition.transtypeByVal && DatumGetPointer(value) != DatumGetPointer(group.transValue)) {
    value = ExecAggTransReparent(machinery.state, &transition, value, fcinfo->isnull,
                                 group.transValue, group.transValueIsNull);
  }
  group.transValue = value;
  group.transValueIsNull = fcinfo->isnull;
  MemoryContextSwitchTo(outer);
}

/// advance() of a min or max that notes whether its value has met an equal one that looks another:
/// either could come out.
void advance_extreme(AggregateMachinery& machinery, std::uint32_t number) {
  const AggStatePerTransData& transition = *machinery.transition;
  AggStatePerGroupData& group = machinery.groups[number];
  const Datum value = machinery.inputs[0].value;
  const Datum before = group.transValue;
  bool& has_tie = machinery.extreme_ties[number];
  if (group.noTransValue || group.transValueIsNull) {
    advance(machinery, group);
    return;
  }
  MemoryContext outer = MemoryContextSwitchTo(machinery.state->tmpcontext->ecxt_per_tuple_memory);
  const bool is_equal = DatumGetBool(
      FunctionCall2Coll(machinery.extreme_equal, transition.aggCollation, before, value));
  has_tie = has_tie || (is_equal && !datum_image_eq(before, value, transition.transtypeByVal,
                                                    transition.transtypeLen));
  MemoryContextSwitchTo(outer);
  advance(machinery, group);
  if (!is_equal && group.transValue != before) {
    has_tie = false;
  }
}

bool is_same(const AggStatePerTransData& transition, const NullableDatum& a,
             const NullableDatum& b) {
  if (a.isnull || b.isnull) {
    return a.isnull == b.isnull;
  }
  return DatumGetBool(FunctionCall2Coll(const_cast<FmgrInfo*>(&transition.equalfnOne),
                                        transition.aggCollation, a.value, b.value));
}

/// Whether a row that is equal by the sort's keys to the one before could stand before it and show.
bool is_tie(const AggStatePerTransData& transition, const NullableDatum* last,
            const NullableDatum* next) {
  for (int i = 0; i < transition.numTransInputs; ++i) {
    const FormData_pg_attribute* column = TupleDescAttr(transition.sortdesc, i);
    if (last[i].isnull != next[i].isnull ||
        (!last[i].isnull &&
         !datum_image_eq(last[i].value, next[i].value, column->attbyval, column->attlen))) {
      return true;
    }
  }
  return false;
}

/// Source: process_ordered_aggregate_single()
void advance_sorted_datums(AggregateMachinery& machinery, AggStatePerGroupData& group) {
  const AggStatePerTransData& transition = *machinery.transition;
  NullableDatum last{0, true};
  bool has_last = false;
  NullableDatum next{0, true};
  const auto drop = [&transition](const NullableDatum& datum) {
    if (!datum.isnull && !transition.inputtypeByVal) {
      pfree(DatumGetPointer(datum.value));
    }
  };
  // What the sort returns is a copy in the current context.
  MemoryContext outer = MemoryContextSwitchTo(machinery.estate->es_query_cxt);
  while (tuplesort_getdatum(machinery.sort, true, &next.value, &next.isnull, nullptr)) {
    CHECK_FOR_INTERRUPTS();
    MemoryContext kept = MemoryContextSwitchTo(row_context(machinery));
    const bool compares = transition.numDistinctCols > 0 || machinery.looks_for_ties;
    const bool is_equal = compares && has_last && is_same(transition, last, next);
    if (is_equal && machinery.looks_for_ties) {
      machinery.has_ties = machinery.has_ties || is_tie(transition, &last, &next);
    }
    const bool repeats = is_equal && transition.numDistinctCols > 0;
    if (!repeats) {
      transition.transfn_fcinfo->args[1] = next;
      advance(machinery, group);
    }
    MemoryContextSwitchTo(kept);
    drop(repeats ? next : last);
    if (!repeats) {
      last = next;
      has_last = true;
    }
  }
  drop(last);
  MemoryContextSwitchTo(outer);
}

/// Source: process_ordered_aggregate_multi()
void advance_sorted_rows(AggregateMachinery& machinery, AggStatePerGroupData& group) {
  AggStatePerTransData& transition = *machinery.transition;
  ExprContext* context = machinery.state->tmpcontext;
  TupleTableSlot* row = transition.sortslot;
  TupleTableSlot* last = transition.uniqslot;
  ExecClearTuple(row);
  ExecClearTuple(last);
  bool has_last = false;
  while (tuplesort_gettupleslot(machinery.sort, true, true, row, nullptr)) {
    CHECK_FOR_INTERRUPTS();
    context->ecxt_outertuple = row;
    context->ecxt_innertuple = last;
    slot_getsomeattrs(row, transition.numTransInputs);
    NullableDatum* args = transition.transfn_fcinfo->args + 1;
    const bool compares = transition.numDistinctCols > 0 || machinery.looks_for_ties;
    const bool is_equal = compares && has_last && ExecQual(transition.equalfnMulti, context);
    if (is_equal && machinery.looks_for_ties) {
      // The arguments of the row before are still in place.
      NullableDatum* next = machinery.inputs;
      for (int i = 0; i < transition.numTransInputs; ++i) {
        next[i] = {row->tts_values[i], row->tts_isnull[i]};
      }
      machinery.has_ties = machinery.has_ties || is_tie(transition, args, next);
    }
    if (!is_equal || transition.numDistinctCols == 0) {
      for (int i = 0; i < transition.numTransInputs; ++i) {
        args[i] = {row->tts_values[i], row->tts_isnull[i]};
      }
      advance(machinery, group);
      std::swap(row, last);
      has_last = true;
    }
    ResetExprContext(context);
    ExecClearTuple(row);
  }
  ExecClearTuple(last);
}

void advance_sorted(AggregateMachinery& machinery, AggStatePerGroupData& group) {
  tuplesort_performsort(machinery.sort);
  if (machinery.transition->numInputs == 1) {
    advance_sorted_datums(machinery, group);
  } else {
    advance_sorted_rows(machinery, group);
  }
  end_sort(machinery);
}

/// Source: finalize_aggregate()
NullableDatum final_value(AggregateMachinery& machinery, const AggStatePerGroupData& group) {
  AggStatePerAggData& final = *machinery.final;
  if (!OidIsValid(final.finalfn_oid)) {
    return {group.transValue, group.transValueIsNull};
  }
  const AggStatePerTransData& transition = *machinery.transition;
  LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
  InitFunctionCallInfoData(*fcinfo, &final.finalfn, static_cast<short>(final.numFinalArgs),
                           transition.aggCollation, reinterpret_cast<Node*>(machinery.state),
                           nullptr);
  fcinfo->args[0] = {
      MakeExpandedObjectReadOnly(group.transValue, group.transValueIsNull, transition.transtypeLen),
      group.transValueIsNull};
  bool any_null = group.transValueIsNull;
  for (int i = 1; i < final.numFinalArgs; ++i) {
    const NullableDatum none{0, true};
    fcinfo->args[i] = i <= machinery.direct_arg_count ? machinery.direct_args[i - 1] : none;
    any_null = any_null || fcinfo->args[i].isnull;
  }
  if (final.finalfn.fn_strict && any_null) {
    return {0, true};
  }
  machinery.state->curperagg = &final;
  const Datum value = FunctionCallInvoke(fcinfo);
  machinery.state->curperagg = nullptr;
  return {value, fcinfo->isnull};
}

}  // namespace

AggregateMachinery assemble_aggregate(Aggref* aggref, bool looks_for_ties) {
  AggregateMachinery machinery;
  machinery.looks_for_ties = looks_for_ties;
  machinery.estate = CreateExecutorState();
  MemoryContext outer = MemoryContextSwitchTo(machinery.estate->es_query_cxt);
  aggref = static_cast<Aggref*>(copyObjectImpl(aggref));
  const AggregateFacts facts = facts_of(aggref);
  machinery.state = makeNode(AggState);
  machinery.state->ss.ps.state = machinery.estate;
  machinery.state->ss.ps.ps_ExprContext = CreateExprContext(machinery.estate);
  machinery.state->tmpcontext = CreateExprContext(machinery.estate);
  machinery.state->curaggcontext = CreateExprContext(machinery.estate);
  machinery.transition = static_cast<AggStatePerTransData*>(palloc0(sizeof(AggStatePerTransData)));
  machinery.final = static_cast<AggStatePerAggData*>(palloc0(sizeof(AggStatePerAggData)));
  machinery.state->pertrans = machinery.transition;
  machinery.state->peragg = machinery.final;
  machinery.state->numaggs = 1;
  machinery.state->numtrans = 1;
  machinery.final->aggref = aggref;
  const auto input_count = static_cast<std::size_t>(list_length(aggref->args));
  machinery.inputs =
      static_cast<NullableDatum*>(palloc0((input_count + 1) * sizeof(NullableDatum)));
  set_up_direct_args(machinery, aggref);
  set_up_transition(machinery, aggref, facts);
  set_up_final(machinery, aggref, facts);
  set_up_extreme(machinery, facts);
  MemoryContextSwitchTo(outer);
  return machinery;
}

void grow_aggregate(AggregateMachinery& machinery, std::uint32_t groups) {
  if (groups > machinery.group_capacity) {
    const std::uint64_t doubled = std::uint64_t{machinery.group_capacity} * 2;
    const auto capacity = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::max<std::uint64_t>({groups, doubled, 16}), UINT32_MAX));
    MemoryContext context = machinery.estate->es_query_cxt;
    machinery.groups = grown(machinery.groups, capacity, context);
    machinery.extreme_ties = grown(machinery.extreme_ties, capacity, context);
    machinery.group_capacity = capacity;
  }
  for (; machinery.group_count < groups; ++machinery.group_count) {
    begin_group(machinery, machinery.groups[machinery.group_count]);
    machinery.extreme_ties[machinery.group_count] = false;
  }
}

MemoryContext row_context(AggregateMachinery& machinery) {
  ResetExprContext(machinery.state->tmpcontext);
  return machinery.state->tmpcontext->ecxt_per_tuple_memory;
}

void advance_aggregate(AggregateMachinery& machinery, std::uint32_t group) {
  AggStatePerTransData& transition = *machinery.transition;
  const NullableDatum* inputs = machinery.inputs;
  if (is_skipped(transition, inputs)) {
    return;
  }
  if (transition.numSortCols == 0) {
    std::copy_n(inputs, transition.numTransInputs, transition.transfn_fcinfo->args + 1);
    if (machinery.extreme_equal != nullptr) {
      advance_extreme(machinery, group);
    } else {
      advance(machinery, machinery.groups[group]);
    }
  } else if (transition.numInputs == 1) {
    tuplesort_putdatum(machinery.sort, inputs[0].value, inputs[0].isnull);
  } else {
    TupleTableSlot* row = transition.sortslot;
    ExecClearTuple(row);
    for (int i = 0; i < transition.numInputs; ++i) {
      row->tts_values[i] = inputs[i].value;
      row->tts_isnull[i] = inputs[i].isnull;
    }
    row->tts_nvalid = static_cast<AttrNumber>(transition.numInputs);
    ExecStoreVirtualTuple(row);
    tuplesort_puttupleslot(machinery.sort, row);
  }
}

NullableDatum finish_aggregate(AggregateMachinery& machinery, std::uint32_t group) {
  AggStatePerGroupData& state = machinery.groups[group];
  machinery.has_ties = machinery.has_ties || machinery.extreme_ties[group];
  if (machinery.sort != nullptr) {
    advance_sorted(machinery, state);
  }
  ExprContext* context = machinery.state->ss.ps.ps_ExprContext;
  ResetExprContext(context);
  MemoryContext outer = MemoryContextSwitchTo(context->ecxt_per_tuple_memory);
  const NullableDatum result = final_value(machinery, state);
  MemoryContextSwitchTo(outer);
  return result;
}

void reset_aggregate(AggregateMachinery& machinery) {
  end_sort(machinery);
  ReScanExprContext(machinery.state->curaggcontext);
  machinery.group_count = 0;
}

std::size_t aggregate_bytes(const AggregateMachinery& machinery) noexcept {
  const bool sorts_itself = is_ordered_set(machinery);
  return MemoryContextMemAllocated(machinery.state->curaggcontext->ecxt_per_tuple_memory,
                                   !sorts_itself) +
         machinery.group_capacity * (sizeof(AggStatePerGroupData) + sizeof(bool));
}

void dismantle_aggregate(AggregateMachinery& machinery) {
  end_sort(machinery);
  FreeExecutorState(machinery.estate);
  machinery.estate = nullptr;
}

}  // namespace sluice::pg
