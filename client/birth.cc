#include "client/birth.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client/capacity.h"
#include "client/catalogue.h"
#include "client/counting_mode.h"
#include "client/debug_line.h"
#include "client/wiped.h"
#include "shm/kernel_identity.h"
#include "shm/process_identity.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kCommittedCells = 512;
constexpr std::uint64_t kCommittedCatalogueBytes = 4 * 1024;

shm::SegmentPlan begin_plan(const Settings& settings, std::uint32_t least_columns) noexcept {
  shm::SegmentPlan plan;
  plan.directory = settings.directory;
  plan.is_default = settings.usual_directory;
  plan.service = settings.service;
  plan.lineage_key = settings.lineage_key;
  plan.mode = counting_mode;
  plan.columns = std::max(least_columns, wanted_columns());
  return plan;
}

}  // namespace

shm::SegmentPlan plan_segment(const Settings& settings, std::uint32_t least_columns) noexcept {
  shm::SegmentPlan plan = begin_plan(settings, least_columns);
  plan.cells = kCells;
  const std::int64_t own = counts_by_rseq() ? std::int64_t{column_id()} + 1 : 0;
  if (own > 0 && own < plan.columns) plan.own_column = static_cast<std::uint32_t>(own);
  plan.committed_cells =
      std::max({kCommittedCells, catalogue().next_cell(), catalogue().reserved_cells()});
  plan.committed_catalogue_bytes =
      std::max({kCommittedCatalogueBytes, catalogue().used(), catalogue().reserved_bytes()});
  // A child may have a limit that its parent, which made the log, did not have.
  const std::uint64_t spare = spare_address_space();
  const std::uint64_t log_bytes = private_parts().log_bytes;
  plan.catalogue_bytes = spare < log_bytes ? spare : log_bytes;
  if (plan.catalogue_bytes < plan.committed_catalogue_bytes * 2)
    plan.catalogue_bytes = plan.committed_catalogue_bytes * 2;
  if (plan.catalogue_bytes < kFirstLogBytes) plan.catalogue_bytes = kFirstLogBytes;
  while (plan.cells > plan.committed_cells * 2 && plan.cells > kCommittedCells * 2 &&
         plan.cells * shm::kCellBytes * plan.columns > spare) {
    plan.cells /= 2;
  }
  return plan;
}

shm::SegmentPlan plan_whole_segment(const Settings& settings, std::uint32_t least_columns,
                                    std::uint32_t most_columns) noexcept {
  shm::SegmentPlan plan = begin_plan(settings, least_columns);
  plan.columns = std::min(plan.columns, most_columns);
  plan.committed_columns = plan.columns;
  plan.committed_cells = std::max(catalogue().next_cell(), catalogue().reserved_cells());
  plan.committed_catalogue_bytes = std::max(catalogue().used(), catalogue().reserved_bytes());
  plan.opens_nothing = true;
  plan.cells = std::max(plan.committed_cells, catalogue().most_cells());
  plan.catalogue_bytes = std::max(plan.committed_catalogue_bytes, catalogue().most_bytes());
  if (plan.cells == plan.committed_cells) return plan;
  const std::uint64_t spare = spare_address_space();
  if (plan.cells * shm::kCellBytes * plan.columns > spare) plan.cells = plan.committed_cells;
  if (plan.catalogue_bytes > spare) plan.catalogue_bytes = plan.committed_catalogue_bytes;
  return plan;
}

bool make_segment(const shm::SegmentPlan& plan, shm::Segment& segment) noexcept {
  if (shm::create_segment(plan, segment)) {
    debug_line("notch: segment ", segment.path);
    if (segment.on_disk) {
      debug_line("notch: warning: ", plan.directory,
                 " is not on tmpfs: a store may block while the disk is written");
    }
    return true;
  }
  const char* reason = segment.refusal;
  if (reason == nullptr) reason = strerrordesc_np(segment.system_errno);  // takes no lock
  char number[32] = "errno ";
  if (reason == nullptr) {  // a C library without it
    *shm::write_decimal(number + strlen(number), static_cast<std::uint64_t>(segment.system_errno)) =
        '\0';
    reason = number;
  }
  debug_line("notch: no segment in ", plan.directory, ": what is counted is not seen: ", reason);
  return false;
}

// Another thread was making the segment while this child was made by a bare clone, which runs no
// handler: the child has the segment's descriptor, and would keep the parent's lock with it. The
// descriptor's number alone is not believed: the kernel copies the descriptors before the memory, and
// the number may name another file by then. Until the inode was noted, device and mode identify the
// file.
void close_inherited_birth(shm::Segment& segment) noexcept {
  const int fd = segment.birth_fd;
  segment.birth_fd = -1;
  struct stat file {};
  if (fd < 0 || !shm::kernel_fstat(fd, file) || file.st_dev != segment.device) return;
  const bool is_ours = segment.inode != 0 ? file.st_ino == segment.inode
                                          : S_ISREG(file.st_mode) && (file.st_mode & 07137) == 0;
  if (is_ours) ::close(fd);
}

}  // namespace notch::client
