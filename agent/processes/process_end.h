// How a segment ended, once its lock is free: what its header says, what /proc knows of its
// process, and what other segments say of that.
// Called by: collect, process_figures.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "shm/segment_reader.h"

namespace notch::agent {

enum class ProcessEnd : std::uint8_t {
  kClosed,  // the program closed it in order
  kExec,    // the process went on with another program
  kKilled,  // neither: a signal, _exit, or a crash
};

// The inode of this process's PID namespace, 0 if unknown.
std::uint64_t own_pid_namespace() noexcept;

// True if a process of that number and start time runs here. One that has exited but was not
// waited for, or is just exiting, does not run. Cost: three system calls.
bool process_runs(std::uint32_t pid, std::uint64_t start_time_ticks) noexcept;

// Which program each process ran last, by the segments at hand: a process keeps its number and its
// start time when it executes another program. A user's segments, whatever they claim, say nothing
// of another's. `owner_uid`: of the segment's file.
class LastPrograms {
 public:
  void add(std::uint32_t owner_uid, const shm::SegmentInfo& info);
  // True if a later segment of the same process was added.
  bool went_on(std::uint32_t owner_uid, const shm::SegmentInfo& info) const;

 private:
  // User, namespace, number, start time.
  using Process = std::tuple<std::uint32_t, std::uint64_t, std::uint32_t, std::uint64_t>;
  static Process process_of(std::uint32_t owner_uid, const shm::SegmentInfo& info) noexcept {
    return {owner_uid, info.pid_namespace, info.pid, info.start_time_ticks};
  }

  std::map<Process, std::uint64_t> created_unix_ns_;  // of the latest
};

// A process of another PID namespace cannot be asked: it counts as killed unless it closed.
ProcessEnd process_end(shm::State state, const shm::SegmentInfo& info,
                       std::uint64_t pid_namespace) noexcept;

}  // namespace notch::agent
