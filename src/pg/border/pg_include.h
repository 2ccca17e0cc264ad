// postgres.h for C++: with C linkage, and without the macros that collide with the standard
// library. Include it before anything else in a file under src/pg; wrap further server headers in
// SLUICE_PG_HEADERS_BEGIN / SLUICE_PG_HEADERS_END.
#pragma once

// The server's headers redefine printf and friends; the standard headers must come first.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#define SLUICE_PG_HEADERS_BEGIN extern "C" {
#define SLUICE_PG_HEADERS_END }

SLUICE_PG_HEADERS_BEGIN
#include <postgres.h>
SLUICE_PG_HEADERS_END

#undef Abs
#undef Max
#undef Min
#undef gettext
#undef ngettext
#undef dgettext
#undef dngettext
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef vsprintf
#undef printf
#undef fprintf
#undef vfprintf
#undef vprintf
#undef strerror
#undef bind

/// Visible outside the library: the entry points that PostgreSQL looks up by name, and nothing
/// else.
#define SLUICE_EXPORT __attribute__((visibility("default")))
#undef PGDLLEXPORT
#define PGDLLEXPORT SLUICE_EXPORT
