// Finds out whether every user of the host may write to a directory, by its mode and its parents'.
// Called by: client/process, the agent's run_directory.
#pragma once

namespace notch::shm {

// By the directory's mode and those above it; access control lists are not asked. False if one of
// them cannot be looked at. Async-signal-safe; changes errno. Cost: a system call for each part of the path.
[[gnu::cold]] bool is_open_to_all(const char* directory) noexcept;

}  // namespace notch::shm
