#include "pg/launch/segment_room.h"

#include <sys/statvfs.h>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <storage/dsm_impl.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Where shm_open() puts its files.
constexpr const char* kFolder = "/dev/shm";
/// What the server adds to a ParallelContext: settings, snapshots, the workers' error queues.
constexpr std::size_t kServerBytes = std::size_t{512} * 1024;

}  // namespace

bool has_room_for_segment(std::size_t bytes) noexcept {
  if (dynamic_shared_memory_type != DSM_IMPL_POSIX || min_dynamic_shared_memory > 0) {
    return true;
  }
  struct statvfs folder;
  if (statvfs(kFolder, &folder) != 0) {
    return true;
  }
  return folder.f_bavail >= (bytes + kServerBytes) / folder.f_frsize;
}

}  // namespace sluice::pg
