// A PostgreSQL error on its way through C++ frames.
#pragma once

#include <exception>

struct ErrorData;

namespace sluice::pg {

/// Carries the original ErrorData, copied into a context that outlives the statement's C++ frames.
/// Never swallowed: whoever catches it rethrows it, and guard() re-raises the original.
class PgError final : public std::exception {
 public:
  explicit PgError(ErrorData* data) noexcept : data_(data) {}
  [[nodiscard]] ErrorData* data() const noexcept { return data_; }
  [[nodiscard]] const char* what() const noexcept override { return "PostgreSQL error"; }

 private:
  ErrorData* data_;
};

}  // namespace sluice::pg
