#include "pg/planner/sluice_plan.h"

#include <cstring>
#include <span>

#include "base/check.h"
#include "codec/plan_codec.h"
#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

// custom_private: a bytea Const with the encoded plan, and three lists of integers.
constexpr int kPrivateParts = 4;  // plan, (workers, errors_abandon), outputs, params
constexpr int kOutputFields = 4;  // kind, column, count_column, type
constexpr int kParamFields = 4;   // kind, precision, scale, fit

/// Integer lists are the one list kind that every node function of PostgreSQL copies and prints.
List* integers(const std::vector<int>& values) {
  const int* data = values.data();
  const std::size_t count = values.size();
  return call([data, count] {
    List* list = NIL;
    for (std::size_t i = 0; i < count; ++i) {
      list = lappend_int(list, data[i]);
    }
    return list;
  });
}

Const* bytes_constant(std::span<const std::byte> bytes) {
  return call([bytes] {
    auto* value = static_cast<bytea*>(palloc(VARHDRSZ + bytes.size()));
    SET_VARSIZE(value, VARHDRSZ + bytes.size());
    std::memcpy(VARDATA(value), bytes.data(), bytes.size());
    return makeConst(BYTEAOID, -1, InvalidOid, -1, PointerGetDatum(value), false, false);
  });
}

List* part(List* custom_private, int index) {
  return static_cast<List*>(list_nth(custom_private, index));
}

}  // namespace

List* to_custom_private(const SluicePlan& plan) {
  std::vector<int> outputs;
  for (const OutputColumn& output : plan.outputs) {
    outputs.insert(outputs.end(),
                   {static_cast<int>(output.kind), static_cast<int>(output.column),
                    static_cast<int>(output.count_column), static_cast<int>(output.type)});
  }
  std::vector<int> params;
  for (const ParamType& param : plan.params) {
    params.insert(params.end(), {static_cast<int>(param.type.kind), param.type.precision,
                                 param.type.scale, static_cast<int>(param.fit)});
  }
  Const* const bytes = bytes_constant(codec::encode(plan.plan));
  List* const start =
      integers({static_cast<int>(plan.workers_planned), plan.errors_abandon ? 1 : 0});
  List* const output_list = integers(outputs);
  List* const param_list = integers(params);
  return call([&] { return list_make4(bytes, start, output_list, param_list); });
}

SluicePlan from_custom_private(List* custom_private) {
  SLUICE_CHECK_BYTES(list_length(custom_private) == kPrivateParts,
                     "custom_private has other parts");
  const auto* constant = static_cast<const Const*>(linitial(custom_private));
  SLUICE_CHECK_BYTES(IsA(constant, Const) && !constant->constisnull,
                     "custom_private has no encoded plan");
  const auto* bytes = reinterpret_cast<const bytea*>(DatumGetPointer(constant->constvalue));
  List* const start = part(custom_private, 1);
  List* const outputs = part(custom_private, 2);
  List* const params = part(custom_private, 3);
  SLUICE_CHECK_BYTES(list_length(start) == 2 && list_length(outputs) % kOutputFields == 0 &&
                         list_length(params) % kParamFields == 0,
                     "custom_private has lists of other lengths");
  SluicePlan plan;
  plan.plan = codec::decode(
      {reinterpret_cast<const std::byte*>(VARDATA_ANY(bytes)), VARSIZE_ANY_EXHDR(bytes)});
  plan.workers_planned = static_cast<std::uint32_t>(linitial_int(start));
  plan.errors_abandon = lsecond_int(start) != 0;
  for (int i = 0; i < list_length(outputs); i += kOutputFields) {
    plan.outputs.push_back({static_cast<OutputKind>(list_nth_int(outputs, i)),
                            static_cast<std::uint32_t>(list_nth_int(outputs, i + 1)),
                            static_cast<std::uint32_t>(list_nth_int(outputs, i + 2)),
                            static_cast<Oid>(list_nth_int(outputs, i + 3))});
  }
  for (int i = 0; i < list_length(params); i += kParamFields) {
    plan.params.push_back({{static_cast<plan::TypeKind>(list_nth_int(params, i)),
                            static_cast<std::uint8_t>(list_nth_int(params, i + 1)),
                            static_cast<std::uint8_t>(list_nth_int(params, i + 2))},
                           static_cast<ParamFit>(list_nth_int(params, i + 3))});
  }
  return plan;
}

}  // namespace sluice::pg
