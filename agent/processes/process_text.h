// Parses /proc's files about one process.
// Called by: process_sample, process_end, own_process.
//
// Invariants
//   PT1  A text that lacks a field, or has no number there, gives none: nothing is guessed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace notch::agent {

// Parses /proc/PID/stat; all but the state are sums over the process's threads, dead ones included.
struct ProcessStat {
  char state = '?';  // R, S, D, T, Z (exited and not waited for), X ...
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t threads = 0;
  std::uint64_t start_time_ticks = 0;  // since boot
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view stat);

// Parses /proc/PID/status, or /proc/PID/task/TID/status: the switches are that one thread's.
struct ThreadStatus {
  std::array<std::uint64_t, 4> uids{};  // real, effective, saved, of the file system
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};
std::optional<ThreadStatus> parse_thread_status(std::string_view status);

// Parses /proc/PID/io.
struct ProcessIo {
  std::uint64_t chars_read = 0;  // through system calls, whatever they read from
  std::uint64_t chars_written = 0;
  std::uint64_t disk_read_bytes = 0;
  std::uint64_t disk_written_bytes = 0;
};
std::optional<ProcessIo> parse_process_io(std::string_view io);

// Parses /proc/stat: the time when the host started, in unix seconds.
std::optional<std::uint64_t> parse_boot_time_s(std::string_view proc_stat);

}  // namespace notch::agent
