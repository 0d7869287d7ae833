#include "client/segment_room.h"

#include "client/capacity.h"
#include "client/inherited_segment.h"
#include "client/seal.h"
#include "client/wiped.h"
#include "shm/segment_file.h"

namespace notch::client {
namespace {

constinit bool birth_postponed = false;

}  // namespace

void set_birth_postponed(bool postponed) noexcept {
  birth_postponed = postponed;
}

bool is_birth_postponed() noexcept {
  return birth_postponed;
}

bool commit_cells_locked(std::uint64_t cells) noexcept {
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return birth_postponed && cells <= kCells;
  if (cells <= segment->cells_committed) return true;
  if (!may_grow_by_pages() || cells > segment->cell_capacity) return false;
  if (!sealed()) {
    const std::uint64_t doubled = segment->cells_committed * 2;
    const std::uint64_t wanted = cells > doubled ? cells : doubled;
    const std::uint64_t most = segment->cell_capacity;
    if (shm::commit_cells(*segment, wanted < most ? wanted : most)) return true;
  }
  if (!shm::commit_cells(*segment, cells)) return false;
  note_growth(*segment);
  return true;
}

bool commit_catalogue_locked(std::uint64_t bytes) noexcept {
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return birth_postponed;
  if (bytes <= segment->catalogue_committed) return true;
  if (!may_grow_by_pages()) return false;
  if (!sealed() && shm::commit_catalogue(*segment, bytes * 2)) return true;
  if (!shm::commit_catalogue(*segment, bytes)) return false;
  note_growth(*segment);
  return true;
}

}  // namespace notch::client
