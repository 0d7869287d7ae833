// How much room a directory's file system has. Called by: daemon, for agent_metrics.
#pragma once

#include <cstdint>
#include <optional>

namespace notch::agent {

struct DirectorySpace {
  std::uint64_t size_bytes = 0;
  std::uint64_t available_bytes = 0;  // to users other than root
};

// The space of the file system that the open directory is on; nothing if it does not say. Cost: one
// call.
std::optional<DirectorySpace> directory_space(int directory_fd);

}  // namespace notch::agent
