#include "pg/port/value_error.h"

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/elog.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

bool is_of_the_value(const PgError& error) noexcept {
  const int category = ERRCODE_TO_CATEGORY(error.data()->sqlerrcode);
  return category == ERRCODE_DATA_EXCEPTION ||
         category == ERRCODE_FEATURE_NOT_SUPPORTED ||  // a unit of time
         category == ERRCODE_INVALID_SCHEMA_NAME || category == ERRCODE_INVALID_CATALOG_NAME ||
         category == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||               // an array too large
         category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION;  // a name of nothing
}

bool is_of_the_value(const base::Error& error) noexcept {
  return error.kind() == base::ErrorKind::kQuery && error.sqlstate().starts_with("22");
}

}  // namespace sluice::pg
