// The result of every exposition writer, and the rules about families and rows that they share.
// Called by: exposition_text, exposition_protobuf (make), http (serves the body, adds up counts).
#pragma once

#include <cstdint>
#include <memory>

#include "agent/expose/body.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

enum class Format : std::uint8_t { kText, kOpenMetrics, kProtobuf };

struct PageCounts {
  std::uint64_t rows = 0;
  std::uint64_t dropped_rows = 0;       // a counter NaN or below 0, labels that cannot be parsed
  std::uint64_t dropped_exemplars = 0;  // outside their bucket, or not finite
};

struct Page {
  Body body;
  PageCounts counts;
};

// The whole snapshot in one format. Thread-safe; reads nothing but the snapshot. Cost: no
// allocation per row; with `spare` from the scrape before, no page faults. Throws nothing but
// std::bad_alloc.
Page write_page(const Snapshot& snapshot, Format format,
                std::shared_ptr<SpareMemory> spare = nullptr);

// Left out of the page: an overflow row that has counted nothing (writers make them beforehand, and
// nobody misses them), and a row of a group of which none has.
bool is_silent(const FamilySnapshot& family, const Row& row) noexcept;

// True if any row would be printed: a family without one is left out whole.
bool has_output(const FamilySnapshot& family) noexcept;

// Scrapers refuse a whole page over a unit that does not end the family's name.
bool shows_unit(const Family& family) noexcept;

}  // namespace notch::agent
