#include "pg/port/foreign_function.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pg/border/call.h"
#include "pg/port/column_datum.h"
#include "pg/port/foreign_definition.h"
#include "pg/port/types.h"
#include "pg/port/value_error.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// A batch's rows come in slices of about so many bytes of strings, and whatever the last row adds.
constexpr std::size_t kStringBytesEnough = std::size_t{16} << 20;

using engine::Rows;
using plan::DataType;
using vector::ColumnView;
using vector::StringRef;

/// What PostgreSQL made for one expression. Owns: nothing; it lies in a memory context.
struct Machinery {
  ExprState* state = nullptr;
  ExprContext* context = nullptr;
  ParamExecData* params = nullptr;  // argument i is number i + 1
  StoredForm* forms = nullptr;      // of the arguments' types
  StoredForm result_form;
  MemoryContext strings = nullptr;  // of the last results
};

/// Machineries that no function uses at the moment, by their expressions: each epoch makes its
/// functions anew, and what PostgreSQL made for one cannot be freed alone.
using IdleMachineries = std::multimap<std::string, Machinery, std::less<>>;

/// The idle ones that lie in one memory context, until that is reset.
struct Pool {
  MemoryContext context;
  MemoryContextCallback owner{};
  IdleMachineries idle;
};

/// By a number that is never given twice: a context may come to lie where an older one lay.
std::map<std::uint64_t, Pool>& pools() {
  static std::map<std::uint64_t, Pool> all;
  return all;
}

void drop_pool(void* context) {
  std::erase_if(pools(), [context](const auto& entry) { return entry.second.context == context; });
}

/// The number of the current memory context's pool.
std::uint64_t current_pool() {
  for (const auto& [number, pool] : pools()) {
    if (pool.context == CurrentMemoryContext) {
      return number;
    }
  }
  static std::uint64_t last = 0;
  Pool& pool = pools().try_emplace(++last, Pool{CurrentMemoryContext, {}, {}}).first->second;
  pool.owner.func = &drop_pool;
  pool.owner.arg = CurrentMemoryContext;
  MemoryContextRegisterResetCallback(CurrentMemoryContext, &pool.owner);
  return last;
}

/// Of what type each argument is; InvalidOid of those that are not there.
struct ArgumentTypes {
  Oid* types;
  int count;
};

/// Shape: `context` is ArgumentTypes. Runs in: call(); a C callback of expression_tree_walker.
bool note_types(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (IsA(node, Param)) {
    const auto* param = reinterpret_cast<const Param*>(node);
    const auto* arguments = static_cast<const ArgumentTypes*>(context);
    if (param->paramkind != PARAM_EXEC || param->paramid < 1 || param->paramid > arguments->count) {
      elog(ERROR, "foreign expression has no argument %d", param->paramid);
    }
    arguments->types[param->paramid - 1] = param->paramtype;
    return false;
  }
  // Declared without a prototype; calls back with (Node*, void*).
  return expression_tree_walker(
      node, reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(note_types)), context);
}

/// Runs in: call().
Machinery assemble(const char* expression, int args) {
  Machinery made;
  auto* expr = static_cast<Expr*>(stringToNode(expression));
  const auto count = static_cast<std::size_t>(args) + 1;
  ArgumentTypes arguments{static_cast<Oid*>(palloc0(sizeof(Oid) * count)), args};
  (void)note_types(reinterpret_cast<Node*>(expr), &arguments);
  made.params = static_cast<ParamExecData*>(palloc0(sizeof(ParamExecData) * count));
  made.forms = static_cast<StoredForm*>(palloc0(sizeof(StoredForm) * count));
  for (int i = 0; i < args; ++i) {
    if (OidIsValid(arguments.types[i])) {
      made.forms[i] = stored_form_of(arguments.types[i]);
    }
  }
  made.result_form = stored_form_of(exprType(reinterpret_cast<Node*>(expr)));
  made.context = CreateStandaloneExprContext();
  made.context->ecxt_param_exec_vals = made.params;
  made.state = ExecInitExprWithParams(expr, nullptr);
  made.strings =
      AllocSetContextCreate(CurrentMemoryContext, "sluice results", ALLOCSET_SMALL_SIZES);
  return made;
}

class PgForeignFunction final : public engine::ForeignFunction {
 public:
  /// Goes back to the pool in the end, unless that is gone.
  PgForeignFunction(std::uint64_t pool, IdleMachineries::node_type made,
                    std::span<const DataType> args, const DataType& type)
      : pool_(pool),
        node_(std::move(made)),
        made_(node_.mapped()),
        arg_types_(args.begin(), args.end()),
        type_(type),
        strings_{made_.strings, 0, SIZE_MAX} {}
  ~PgForeignFunction() override {
    if (const auto found = pools().find(pool_); found != pools().end()) {
      found->second.idle.insert(std::move(node_));
    }
  }

  std::uint32_t evaluate(std::span<const ColumnView> args, Rows rows, bool forgets,
                         const engine::ValueBuffer& result) override {
    bool fits = true;
    const std::uint32_t count = computed(args, rows, forgets, result, fits);
    if (!fits) {
      base::throw_abandon("a numeric does not fit the type planned for it");
    }
    return count;
  }

 private:
  std::uint32_t computed(std::span<const ColumnView> args, Rows rows, bool forgets,
                         const engine::ValueBuffer& result, bool& fits) {
    try {
      return call([&] { return compute(args, rows, forgets, result, fits); });
    } catch (const PgError& error) {
      if (is_of_the_value(error)) {
        throw PgValueError(error.data());
      }
      throw;
    }
  }

  /// Writes false to `fits` where a result is not of its type. Runs in: call().
  std::uint32_t compute(std::span<const ColumnView> args, Rows rows, bool forgets,
                        const engine::ValueBuffer& result, bool& fits) {
    if (forgets) {
      MemoryContextReset(made_.strings);
      strings_.bytes = 0;
    }
    std::uint32_t count = 0;
    for (; count < rows.count && strings_.bytes < kStringBytesEnough; ++count) {
      const std::uint32_t row = rows.selection == nullptr ? count : rows.selection[count];
      CHECK_FOR_INTERRUPTS();
      ResetExprContext(made_.context);
      MemoryContext outer = MemoryContextSwitchTo(made_.context->ecxt_per_tuple_memory);
      for (std::size_t i = 0; i < args.size(); ++i) {
        ParamExecData& param = made_.params[i + 1];
        param.isnull = args[i].is_null(row);
        param.value = param.isnull ? 0 : datum_of(args[i], row, arg_types_[i], made_.forms[i]);
      }
      bool is_null = false;
      const Datum value = ExecEvalExpr(made_.state, made_.context, &is_null);
      const std::uint64_t bit = std::uint64_t{1} << (row % 64);
      result.validity[row / 64] &= ~bit;
      if (is_null) {
        clear(result, row);
      } else {
        result.validity[row / 64] |= bit;
        fits = fits && store_datum(value, type_, made_.result_form, row, result.values, strings_);
      }
      MemoryContextSwitchTo(outer);
    }
    ResetExprContext(made_.context);  // the last row's value may be large
    return count;
  }

  /// Whoever reads what lies under a NULL finds no old pointer.
  void clear(const engine::ValueBuffer& result, std::uint32_t row) const noexcept {
    if (type_.is_varlen()) {
      result.as<StringRef>()[row] = StringRef();
    }
  }

  std::uint64_t pool_;
  IdleMachineries::node_type node_;
  const Machinery& made_;
  std::vector<DataType> arg_types_;
  DataType type_;
  Strings strings_;
};

}  // namespace

std::unique_ptr<engine::ForeignFunction> make_foreign_function(std::string_view definition,
                                                               std::span<const DataType> args,
                                                               const DataType& type) {
  const std::uint64_t pool = current_pool();
  IdleMachineries& idle = pools().at(pool).idle;
  auto found = idle.find(definition);
  if (found == idle.end()) {
    const std::string expression = foreign_node_text(definition);
    const char* const text = expression.c_str();
    const Machinery made = call([&] { return assemble(text, static_cast<int>(args.size())); });
    found = idle.emplace(std::string(definition), made);
  }
  return std::make_unique<PgForeignFunction>(pool, idle.extract(found), args, type);
}

}  // namespace sluice::pg
