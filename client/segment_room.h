// Memory for more cells and a longer catalogue in the segment of this process, or in the one that it
// is to have. Called by: catalogue as it grows; process, which knows whether birth is postponed.
//
// Invariants
//   SR1  A segment that forked children inherit grows for them too (note_growth()).
//   SR2  After close_growth() only pages of the room that was left are taken, after stop_growth()
//        none.
#pragma once

#include <cstdint>

namespace notch::client {

// Makes sure that cells [0, cells) have memory. REQUIRES: the lock is held.
bool commit_cells_locked(std::uint64_t cells) noexcept;

// The same of bytes [0, bytes) of the segment's catalogue.
bool commit_catalogue_locked(std::uint64_t bytes) noexcept;

// Whether there is no segment yet on purpose: what is defined now waits for it in private memory.
// Only the preloaded library's constructor changes it, so that it is read without the lock.
void set_birth_postponed(bool postponed) noexcept;
bool is_birth_postponed() noexcept;

}  // namespace notch::client
