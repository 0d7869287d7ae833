#include "client/inherited_segment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/drops.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

// Kept across a fork; written by the process that made it, before it forks, and by a child that
// gives it back, before it has a segment.
constinit shm::Segment left;

}  // namespace

bool leave_to_children(const shm::Segment& own) noexcept {
  if (!own.attached || madvise(own.memory.base(), own.memory.bytes(), MADV_DOFORK) != 0)
    return false;
  if (!is_left_to_children(own)) left = own;
  return true;
}

bool is_left_to_children(const shm::Segment& segment) noexcept {
  return left.memory.base() != nullptr && left.memory.base() == segment.memory.base();
}

void note_growth(const shm::Segment& own) noexcept {
  if (!is_left_to_children(own)) return;
  left.cells_committed = own.cells_committed;
  left.catalogue_committed = own.catalogue_committed;
}

bool adopt_inherited() noexcept {
  if (left.memory.base() == nullptr || wiped() == nullptr) return false;
  Wiped& own = *wiped();
  // Relaxed, and before the other stores: a thread that finds a column then asks for this word.
  shm::write_alone(own.inherited, std::uint32_t{1});
  move_early_drops(left);
  shm::publish(notch_v1_hot.columns, own.columns);  // [tag: column-pointer]
  shm::publish(own.segment, &left);                 // [tag: attached]
  // [tag: column-pointer] As publish_columns(); every other id finds null, and so comes here.
  shm::publish(own.columns[NOTCH_SHARED_COLUMN], static_cast<void*>(left.column(0)));
  return true;
}

bool counts_in_inherited() noexcept {
  const Wiped* const own = wiped();
  return own != nullptr && shm::read_alone(own->inherited) != 0;
}

bool take_left(shm::Segment& forebears) noexcept {
  if (left.memory.base() == nullptr) return false;
  forebears = left;
  left = shm::Segment{};
  return true;
}

[[gnu::cold]] bool is_directory_reachable(const shm::Segment& own, const char* directory) noexcept {
  struct stat file {};
  if (stat(own.path, &file) != 0 || file.st_dev != own.device || file.st_ino != own.inode)
    return false;
  return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace notch::client
