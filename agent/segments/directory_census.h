// How many entries the directory of segments holds, and whose most of them are: what a user leaves
// there that is no segment is nowhere else on the page by its number.
// Called by: daemon, now and then, for agent_metrics and the log.
//
// Invariants
//   DC1  A census lists what DirectorySample lists (DS1) and looks at kCensusSamples entries at most.
#pragma once

#include <cstdint>
#include <string>

namespace notch::agent {

inline constexpr std::uint64_t kCensusSamples = 128;

struct DirectoryCensus {
  std::uint64_t entries = 0;       // DirectorySample::kMostListed: or more
  std::uint64_t most_entries = 0;  // of the user with the most, by estimate
  std::uint32_t most_uid = 0;
};

DirectoryCensus take_census(int directory_fd);

// The warning about a user whose own files keep him from making segments; empty if there is none.
std::string census_warning(const DirectoryCensus& census, const std::string& path);

}  // namespace notch::agent
