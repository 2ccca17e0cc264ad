#include "base/error.h"

#include <cstring>

namespace sluice::base {

Error::Error(ErrorKind kind, std::string_view sqlstate, std::string message, std::string detail)
    : kind_(kind), sqlstate_{}, message_(std::move(message)), detail_(std::move(detail)) {
  std::string_view code = sqlstate.size() == 5 ? sqlstate : std::string_view("XX000");
  std::memcpy(sqlstate_, code.data(), 5);
}

void throw_internal(std::string_view message) {
  throw Error(ErrorKind::kInternal, "XX000", "sluice: " + std::string(message));
}

void throw_corrupt(std::string_view message) {
  throw Error(ErrorKind::kCorrupt, "XX001", "sluice: " + std::string(message));
}

void throw_abandon(std::string_view reason) {
  throw Error(ErrorKind::kAbandon, "XX000", std::string(reason));
}

}  // namespace sluice::base
