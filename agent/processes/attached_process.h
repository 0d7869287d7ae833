// A process that has a segment, as the segment tells of it.
// Made by: collect. Called by: process_figures, process_sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace notch::agent {

// The writer's own claims; only the owner comes from the kernel.
struct ProcessClaim {
  std::uint32_t pid = 0;
  std::uint64_t start_time_ticks = 0;
  std::uint32_t owner_uid = 0;  // the segment file's
};

struct AttachedProcess {
  ProcessClaim claim;
  std::uint64_t pid_namespace = 0;
  std::string_view service;  // valid while the segments stay as they are
  // Bytes that passed the preloaded library's wrappers so far; nothing without the library.
  std::optional<std::uint64_t> passed_bytes;
};

}  // namespace notch::agent
