// Checks that stay on in release builds and raise an error; a release build never aborts.
#pragma once

#include "base/error.h"

/// Raises an internal error with `message` unless `condition` holds.
#define SLUICE_CHECK(condition, message)       \
  do {                                         \
    if (!(condition)) [[unlikely]] {           \
      ::sluice::base::throw_internal(message); \
    }                                          \
  } while (false)

/// Raises a data-corrupted error: for bytes from shared memory, disk or a codec.
#define SLUICE_CHECK_BYTES(condition, message) \
  do {                                         \
    if (!(condition)) [[unlikely]] {           \
      ::sluice::base::throw_corrupt(message);  \
    }                                          \
  } while (false)
