// The process's own copy of its catalogue: the records with which a segment starts, in private memory
// so that a forked child can write them into a segment of its own without allocating. Called
// by: registry and series_index under the lock; process when a segment is made.
//
// Invariants
//   CA1  Bytes below used() never change. One word publishes the length and the two id counters
//        together.
//   CA2  A segment's log is a copy of a prefix of this one, published after the bytes are there.
//   CA3  A child forked in the middle of an append sees the log from before it. Cells that were handed
//        out and never recorded are lost, which costs 8 bytes each and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "client/capacity.h"
#include "shm/layout.h"
#include "shm/reservation.h"
#include "shm/segment_file.h"

namespace notch::client {

class Catalogue {
 public:
  // Starts an empty log in `bytes` of address space, of which the first kFirstLogBytes are usable.
  // False if there is no memory for the table of strings.
  bool prepare(std::byte* memory, std::uint64_t bytes) noexcept;

  // --- under the registry's lock; an append is begin(), any of add_*(), then commit() ---

  // Makes room for `bytes` more, here and in the segment. False: no memory, nothing changed.
  bool begin(std::uint64_t bytes) noexcept;

  // Offset of a string record; one that is there already is used again.
  std::uint32_t add_string(std::string_view text) noexcept;
  std::uint32_t add_bounds(std::span<const double> bounds) noexcept;

  // Fill in all fields but header and id. Return the id.
  std::uint32_t add_family(shm::FamilyRecord record,
                           std::span<const std::uint32_t> label_names) noexcept;
  std::uint32_t add_series(shm::SeriesRecord record,
                           std::span<const std::uint32_t> label_values) noexcept;
  void add_chunk(shm::ChunkRecord record) noexcept;

  // Where the next record will be.
  std::uint32_t pending_offset() const noexcept {
    return static_cast<std::uint32_t>(pending_used_);
  }

  // Publishes what was added, here and in the segment.
  void commit() noexcept;

  // Hands out `count` cells in a row; 0 if there are none left.
  std::uint32_t take_cells(std::uint32_t count) noexcept;

  // Memory for this much more, so that begin() and take_cells() need no system call. The segment
  // of a forked child starts with as much.
  bool reserve(std::uint64_t cells, std::uint64_t bytes) noexcept;

  // Takes address space for this much more than is reserved, in the log and in a segment whose plan is
  // whole. Its memory comes page by page, when it is used.
  void leave_room(std::uint64_t cells, std::uint64_t bytes) noexcept;

  // Gives back the log's address space behind its memory and the room that was left. Nothing that needs
  // more is added from here on.
  void close() noexcept;

  // Writes the whole log into a new segment. REQUIRES: the segment has committed used() bytes for
  // it.
  void copy_to(shm::Segment& segment) noexcept;

  // --- any time, any thread ---

  std::uint64_t used() const noexcept;
  std::uint64_t next_cell() const noexcept;

  // How much reserve() has asked for, from the first cell and the first byte.
  std::uint64_t reserved_cells() const noexcept { return reserved_cells_; }
  std::uint64_t reserved_bytes() const noexcept { return reserved_bytes_; }
  // How much there can be, by leave_room(); 0: that was not called.
  std::uint64_t most_cells() const noexcept { return most_cells_; }
  std::uint64_t most_bytes() const noexcept { return most_bytes_; }

  // The record or string at an offset that add_*() gave.
  std::string_view string(std::uint32_t offset) const noexcept;
  const std::byte* record(std::uint32_t offset) const noexcept { return log_.base() + offset; }

  // The most bytes that the record of this text takes.
  static std::uint64_t string_bytes(std::string_view text) noexcept;

 private:
  // Open-addressing, of offsets into log_; followed by its slots.
  struct StringTable {
    std::uint64_t slot_count;
    std::uint64_t strings;
    std::uint32_t* slots() noexcept { return reinterpret_cast<std::uint32_t*>(this + 1); }
  };

  std::byte* append(std::uint64_t bytes, shm::RecordKind kind) noexcept;
  static StringTable* make_string_table(std::uint64_t slot_count) noexcept;
  void grow_string_table() noexcept;
  std::uint32_t* free_slot(StringTable& table, std::uint64_t hash) const noexcept;

  shm::Reservation log_;
  StringTable* strings_ = nullptr;

  // Under the lock.
  std::uint64_t log_committed_ = 0;
  std::uint64_t reserved_cells_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t most_cells_ = 0;
  std::uint64_t most_bytes_ = 0;
  std::uint64_t pending_used_ = 0;
  std::uint32_t pending_families_ = 0;
  std::uint32_t pending_series_ = 0;
  struct PendingString {
    std::uint32_t* slot;
    std::uint32_t offset;
  };
  PendingString pending_strings_[2 * shm::kMaxLabels] = {};  // entered into the table by commit()
  std::uint32_t pending_string_count_ = 0;

  // Published: used in the low 32 bits, then 20 bits of series, 12 of families. [tag: log-used]
  std::uint64_t published_ = 0;
  std::uint64_t next_cell_ = shm::kFirstFreeCell;
};

// A limit that the packing of Catalogue::published_ sets; kMostSeries is well within its 20 bits.
inline constexpr std::uint32_t kMostFamilies = (1U << 12) - 1;

Catalogue& catalogue() noexcept;

}  // namespace notch::client
