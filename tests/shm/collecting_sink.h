// A CatalogueSink that keeps what it is given.
// Called by: tests of whatever follows a catalogue.
#pragma once

#include <utility>
#include <vector>

#include "shm/catalogue_entries.h"

namespace notch::testing {

class CollectingSink final : public shm::CatalogueSink {
 public:
  void on_family(shm::FamilyEntry&& family) override { families.push_back(std::move(family)); }
  void on_series(shm::SeriesEntry&& entry) override { series.push_back(std::move(entry)); }
  void on_chunk(const shm::ChunkEntry& chunk) override { chunks.push_back(chunk); }

  std::vector<shm::FamilyEntry> families;
  std::vector<shm::SeriesEntry> series;
  std::vector<shm::ChunkEntry> chunks;
};

}  // namespace notch::testing
