#include "agent/processes/process_end.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "agent/files/file_descriptor.h"
#include "agent/processes/process_text.h"

namespace notch::agent {

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

bool process_runs(std::uint32_t pid, std::uint64_t start_time_ticks) noexcept {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u/stat", pid);
  const FileDescriptor file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return false;
  std::array<char, 1024> text{};
  const ssize_t bytes = ::read(file.get(), text.data(), text.size());
  if (bytes <= 0) return false;
  const auto stat = parse_process_stat({text.data(), static_cast<std::size_t>(bytes)});
  if (!stat || stat->state == 'Z' || stat->state == 'X') return false;
  // An exiting process gives up its memory, and with it the segment's lock, before it is a zombie.
  return stat->virtual_bytes != 0 && stat->start_time_ticks == start_time_ticks;
}

void LastPrograms::add(std::uint32_t owner_uid, const shm::SegmentInfo& info) {
  std::uint64_t& latest = created_unix_ns_[process_of(owner_uid, info)];
  latest = std::max(latest, info.created_unix_ns);
}

bool LastPrograms::went_on(std::uint32_t owner_uid, const shm::SegmentInfo& info) const {
  const auto found = created_unix_ns_.find(process_of(owner_uid, info));
  return found != created_unix_ns_.end() && found->second > info.created_unix_ns;
}

ProcessEnd process_end(shm::State state, const shm::SegmentInfo& info,
                       std::uint64_t pid_namespace) noexcept {
  if (state == shm::State::kClosed) return ProcessEnd::kClosed;
  const bool can_ask = pid_namespace != 0 && info.pid_namespace == pid_namespace;
  return can_ask && process_runs(info.pid, info.start_time_ticks) ? ProcessEnd::kExec
                                                                  : ProcessEnd::kKilled;
}

}  // namespace notch::agent
