// The records of a catalogue as values: copies, which stay when the segment is gone.
// Made by: catalogue_follower. Called by: segment_reader, left_out_sum, tests.
//
// Invariants
//   CAE1  An entry has passed every rule that catalogue_follower.h lists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shm/layout.h"

namespace notch::shm {

// Strings are as the writer gave them, limited in length but not yet judged by naming rules.
struct FamilyEntry {
  std::uint32_t family = 0;
  FamilyType type = FamilyType::kCounter;
  NumberKind number = NumberKind::kUnsigned;
  GaugeMode gauge_mode = GaugeMode::kNone;
  std::int8_t schema = 0;
  double zero_threshold = 0;
  std::uint32_t quiet_labels = 0;
  std::string name;
  std::string help;
  std::string unit;
  std::vector<double> bounds;
  std::vector<std::string> label_names;
};

struct SeriesEntry {
  std::uint32_t series = 0;
  std::uint32_t family = 0;
  std::uint32_t first_cell = 0;
  std::uint32_t cell_count = 0;
  bool overflow = false;
  std::vector<std::string> label_values;  // empty if overflow, else as many as the family's labels
};

struct ChunkEntry {
  std::uint32_t series = 0;
  std::int32_t chunk = 0;
  bool negative = false;
  std::uint32_t first_cell = 0;
};

// Receives each entry that follow() finds. `on_*` may not throw.
class CatalogueSink {
 public:
  virtual ~CatalogueSink() = default;
  virtual void on_family(FamilyEntry&& family) = 0;
  virtual void on_series(SeriesEntry&& series) = 0;
  virtual void on_chunk(const ChunkEntry& chunk) = 0;
};

}  // namespace notch::shm
