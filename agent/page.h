// What every exposition writer gives back, and what they agree on about families and rows.
// Called by: exposition_text, exposition_protobuf (make), http (serves the body, adds up counts).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/body.h"
#include "agent/snapshot.h"

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

// What a scalar row has to say. A gauge that was never set is absent; a counter that is NaN or
// negative is faulty, as no format may carry it.
enum class Presence : std::uint8_t { kPresent, kAbsent, kFaulty };
Presence presence(const Family& family, std::uint64_t slot) noexcept;

// The row's one slot as the bits of what `family.number` says: complements undone.
std::uint64_t scalar_bits(const Family& family, std::uint64_t slot) noexcept;
double scalar_value(const Family& family, std::uint64_t slot) noexcept;

bool has_counted(const FamilySnapshot& family, const Row& row) noexcept;

// Left out of the page: an overflow row that has counted nothing (writers make them beforehand, and
// nobody misses them), and a row of a group of which none has.
bool is_silent(const FamilySnapshot& family, const Row& row) noexcept;

// True if any row would be printed: a family without one is left out whole.
bool has_output(const FamilySnapshot& family) noexcept;

// The name without a counter's _total: the family's name to OpenMetrics.
std::string_view base_name(const Family& family) noexcept;

// A counter by type whose name does not say so; OpenMetrics has to call it unknown.
bool lacks_total(const Family& family) noexcept;

// Scrapers refuse a whole page over a unit that does not end the family's name.
bool shows_unit(const Family& family) noexcept;

}  // namespace notch::agent
