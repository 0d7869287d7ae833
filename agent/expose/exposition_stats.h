// The exposition's counters: what it dropped and shared. Made by: scrape. Read by: agent_metrics.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace notch::agent {

// The families, rows and exemplars that the exposition dropped, over all scrapes.
struct ExpositionStats {
  std::map<std::string, std::uint64_t> dropped_families;  // by reason
  std::uint64_t dropped_rows = 0;
  std::uint64_t dropped_exemplars = 0;
  std::uint64_t shared_scrapes = 0;   // answered with a page another scrape had gathered
  std::uint64_t held_page_bytes = 0;  // now
};

}  // namespace notch::agent
