#include "pg/border/call.h"

#include <csetjmp>
#include <new>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/elog.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

const char* PgError::message() const noexcept {
  return data_->message == nullptr ? "" : data_->message;
}

void discard(const PgError& error) {
  ErrorData* const data = error.data();
  call([data] { FreeErrorData(data); });
}

}  // namespace sluice::pg

namespace sluice::pg::border_detail {

namespace {

/// The error's copy must live until guard() has raised it again, which is inside this
/// (sub)transaction.
MemoryContext error_copy_context() {
  return CurTransactionContext != nullptr ? CurTransactionContext : TopMemoryContext;
}

/// Copies the current error out of PostgreSQL's error stack and empties that. Null when even that
/// found no memory. Pre: a longjmp has just arrived.
ErrorData* take_error() {
  sigjmp_buf* const outer_stack = PG_exception_stack;
  ErrorData* volatile copy = nullptr;
  sigjmp_buf own_stack;
  if (sigsetjmp(own_stack, 0) == 0) {
    PG_exception_stack = &own_stack;
    MemoryContextSwitchTo(error_copy_context());
    copy = CopyErrorData();
  }
  PG_exception_stack = outer_stack;
  FlushErrorState();
  return copy;
}

}  // namespace

void call_leaf(void (*fn)(void*), void* argument) {
  sigjmp_buf* const outer_stack = PG_exception_stack;
  ErrorContextCallback* const outer_context = error_context_stack;
  MemoryContext const outer_memory = CurrentMemoryContext;
  volatile bool failed = false;
  ErrorData* volatile error = nullptr;
  sigjmp_buf own_stack;
  if (sigsetjmp(own_stack, 0) == 0) {
    PG_exception_stack = &own_stack;
    try {
      fn(argument);
    } catch (...) {  // against the contract, but the jump target must not outlive this frame
      PG_exception_stack = outer_stack;
      error_context_stack = outer_context;
      throw;
    }
  } else {
    failed = true;
    PG_exception_stack = outer_stack;
    error_context_stack = outer_context;
    error = take_error();
    MemoryContextSwitchTo(outer_memory);
  }
  PG_exception_stack = outer_stack;
  error_context_stack = outer_context;
  if (failed) {
    if (error == nullptr) {
      throw std::bad_alloc();
    }
    throw PgError(error);
  }
}

}  // namespace sluice::pg::border_detail
