// The one exception type that ends a query. Runs in every process; never crosses an extern "C"
// edge: src/pg/border turns it into ereport().
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace sluice::base {

/// What the receiver of a failure has to do about it.
enum class ErrorKind : unsigned char {
  kQuery,      // the user's error, with PostgreSQL's own SQLSTATE and message
  kAbandon,    // this run cannot go on, but PostgreSQL's plan can: the leader falls back to it
  kPeer,       // another seat failed first and reports; whoever sees only this stays silent
  kCancelled,  // the work is no longer wanted
  kCorrupt,    // bytes that we decode or attach to are not what they should be
  kInternal,   // a bug of ours
};

/// A failure that ends the query.
/// Source: src/pg/border/README.md; SQLSTATEs are those of PostgreSQL's errcodes.txt.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string_view sqlstate, std::string message, std::string detail = {});

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  /// Shape: five characters.
  [[nodiscard]] std::string_view sqlstate() const noexcept { return {sqlstate_, 5}; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  char sqlstate_[6];
  std::string message_;
  std::string detail_;
};

[[noreturn]] void throw_internal(std::string_view message);
[[noreturn]] void throw_corrupt(std::string_view message);
/// The run gives up in favour of PostgreSQL's plan; `reason` is shown by EXPLAIN ANALYZE.
[[noreturn]] void throw_abandon(std::string_view reason);

}  // namespace sluice::base
