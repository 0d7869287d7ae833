// One segment the agent reads, from the moment it is taken until it is folded or let go.
// Called by: collect.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "agent/segments/mapped_segment.h"
#include "agent/segments/segment_quota.h"
#include "agent/services/service_owners.h"
#include "agent/tally/binding.h"
#include "shm/segment_reader.h"

namespace notch::agent {

// A reader as the tally sees it.
class ReaderCells final : public CellSource {
 public:
  ReaderCells(const shm::SegmentReader& reader, const MappedSegment& file)
      : reader_(reader), file_(file) {}
  void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const override {
    reader_.add_cells(first_cell, out);
  }
  void add_float_cells(std::uint32_t first_cell, std::span<double> out) const override {
    reader_.add_float_cells(first_cell, out);
  }
  std::uint64_t shared_cell(std::uint32_t cell) const override { return reader_.shared_cell(cell); }
  bool whole() const override { return !file_.truncated(); }

 private:
  const shm::SegmentReader& reader_;
  const MappedSegment& file_;
};

using DropCounts = std::array<std::uint64_t, shm::kDropReasons>;

struct LiveSegment {
  // Set when it is taken.
  MappedSegment file;
  shm::SegmentReader reader;
  OwnedService* service = nullptr;
  std::unique_ptr<Binding> binding;

  int directory_fd = -1;  // that its file is in; -1: in none any more
  std::size_t place = 0;  // among collect's segments

  // Moved on by each gather.
  SegmentUsage usage;
  DropCounts drops{};
  Room room_then;              // when its binding was last left without some
  bool half_followed = false;  // an exception ended the reading: binding and reader differ

  // Set once.
  bool gathered = false;  // a snapshot has its numbers
  bool nameless = false;  // its file is not in the directory that is watched: its owner removed it
  bool dead = false;      // its lock is free, and ours until it is let go
  std::uint64_t died_boot_s = 0;

  // Gives the pages read so far back: a catalogue is read once, and would stay in the agent's
  // memory for good. The next gather fetches the pages of cells again.
  void forget_pages() const {
    const std::span<const std::byte> bytes = file.bytes();
    ::madvise(const_cast<std::byte*>(bytes.data()), bytes.size(), MADV_DONTNEED);
  }

  // A writer that takes drops back is not believed.
  void read_drops() {
    std::uint64_t through_null = 0;
    reader.add_cells(shm::kNullIntegerCell, std::span(&through_null, 1));
    for (std::size_t i = 0; i < drops.size(); ++i) {
      const std::uint64_t now = reader.drops(static_cast<shm::DropReason>(i));
      drops[i] = std::max(drops[i], i == 0 ? now + through_null : now);
    }
  }
};

}  // namespace notch::agent
