// How a segment ended, once its lock is free: what its header says, and what /proc knows of its
// process.
// Called by: collect, process_figures.
#pragma once

#include <cstdint>

#include "shm/segment_reader.h"

namespace notch::agent {

enum class ProcessEnd : std::uint8_t {
  kClosed,  // the program closed it in order
  kExec,    // the process lives on with another program
  kKilled,  // neither: a signal, _exit, or a crash
};

// As used in the `kind` label; never null.
const char* process_end_name(ProcessEnd end) noexcept;

// The inode of this process's PID namespace, 0 if unknown.
std::uint64_t own_pid_namespace() noexcept;

// True if a process of that number and start time runs here. One that has exited but was not
// waited for, or is just exiting, does not run. Cost: three system calls.
bool process_runs(std::uint32_t pid, std::uint64_t start_time_ticks) noexcept;

// A process of another PID namespace cannot be asked: it counts as killed unless it closed.
ProcessEnd process_end(shm::State state, const shm::SegmentInfo& info,
                       std::uint64_t pid_namespace) noexcept;

}  // namespace notch::agent
