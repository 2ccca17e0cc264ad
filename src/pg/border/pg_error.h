// A PostgreSQL error on its way through C++ frames.
#pragma once

#include <exception>

struct ErrorData;

namespace sluice::pg {

/// Carries the original ErrorData, copied into a context that outlives the statement's C++ frames.
/// Whoever catches it rethrows it, and guard() re-raises the original; or, where it is of a value
/// alone (port/value_error.h), discards it for PostgreSQL's plan.
class PgError : public std::exception {
 public:
  explicit PgError(ErrorData* data) noexcept : data_(data) {}
  [[nodiscard]] ErrorData* data() const noexcept { return data_; }
  /// Empty where it has none.
  [[nodiscard]] const char* message() const noexcept;
  [[nodiscard]] const char* what() const noexcept override { return "PostgreSQL error"; }

 private:
  ErrorData* data_;
};

/// Frees the copy. Pre: nobody rethrows the error.
void discard(const PgError& error);

/// Raised by a function of the values that it was called with, in the engine's own course: it holds
/// nothing, and another order of rows may meet another such error first, or none.
class PgValueError final : public PgError {
 public:
  using PgError::PgError;
};

}  // namespace sluice::pg
