#include "pg/border/guard.h"

#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "base/cut_text.h"
#include "base/error.h"
#include "pg/border/pg_error.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/elog.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg::border_detail {

namespace {

constexpr std::size_t kTextBytesMax = 8192;

/// What raise() needs, without a destructor. One is enough: between capture and raise nothing else
/// runs.
struct Captured {
  ErrorData* original;  // a PgError's; then nothing else counts
  int sqlstate;
  bool internal_message;  // not a message of PostgreSQL's catalog
  char message[kTextBytesMax];
  char detail[kTextBytesMax];
};
Captured captured;

/// Copies `text` as a C string, cut at a character's first byte where it is too long.
void copy_text(char* target, std::string_view text) noexcept {
  const std::size_t bytes = base::cut_text(text, kTextBytesMax - 1).size();
  std::memcpy(target, text.data(), bytes);
  target[bytes] = '\0';
}

int packed_sqlstate(std::string_view code) noexcept {
  return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

const char* translated(const char* message) {
#ifdef ENABLE_NLS
  return ::gettext(message);
#else
  return message;
#endif
}

}  // namespace

void* capture_current_exception() noexcept {
  captured.original = nullptr;
  captured.sqlstate = ERRCODE_INTERNAL_ERROR;
  captured.internal_message = true;
  captured.detail[0] = '\0';
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const PgError& error) {
    captured.original = error.data();
  } catch (const base::Error& error) {
    captured.sqlstate = packed_sqlstate(error.sqlstate());
    captured.internal_message = error.kind() != base::ErrorKind::kQuery;
    copy_text(captured.message, error.message());
    copy_text(captured.detail, error.detail());
  } catch (const std::bad_alloc&) {
    captured.sqlstate = ERRCODE_OUT_OF_MEMORY;
    captured.internal_message = false;
    copy_text(captured.message, "out of memory");
  } catch (const std::exception& error) {
    copy_text(captured.message, error.what());
  } catch (...) {
    copy_text(captured.message, "sluice: unknown exception");
  }
  return &captured;
}

void raise(void* exception) {
  auto* error = static_cast<Captured*>(exception);
  if (error->original != nullptr) {
    ReThrowError(error->original);
  }
  const char* message = error->internal_message || error->message[0] == '\0'
                            ? error->message
                            : translated(error->message);
  ereport(ERROR, (errcode(error->sqlstate), errmsg_internal("%s", message),
                  error->detail[0] != '\0' ? errdetail_internal("%s", error->detail) : 0));
  pg_unreachable();
}

}  // namespace sluice::pg::border_detail
