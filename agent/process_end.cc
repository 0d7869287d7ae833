#include "agent/process_end.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "agent/file_descriptor.h"

namespace notch::agent {
namespace {

// Fields of /proc/PID/stat as proc(5) numbers them.
constexpr int kStateField = 3;
constexpr int kStartTimeField = 22;
constexpr int kVirtualBytesField = 23;

// The text of field `wanted` of what follows the command's closing parenthesis.
std::string_view field(std::string_view rest, int wanted) {
  for (int at = kStateField; at < wanted; ++at) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return {};
    rest.remove_prefix(space + 1);
  }
  return rest.substr(0, rest.find(' '));
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

const char* process_end_name(ProcessEnd end) noexcept {
  switch (end) {
    case ProcessEnd::kClosed:
      return "closed";
    case ProcessEnd::kExec:
      return "exec";
    case ProcessEnd::kKilled:
      return "killed";
  }
  return "unknown";
}

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
  std::string_view rest(text.data(), static_cast<std::size_t>(bytes));
  // The command may hold anything, parentheses included; the last one is the field's end.
  const std::size_t command_end = rest.rfind(") ");
  if (command_end == std::string_view::npos) return false;
  rest.remove_prefix(command_end + 2);
  const std::string_view state = field(rest, kStateField);
  if (state == "Z" || state == "X") return false;
  // An exiting process gives up its memory, and with it the segment's lock, before it is a zombie.
  if (number(field(rest, kVirtualBytesField)) == 0) return false;
  return number(field(rest, kStartTimeField)) == start_time_ticks;
}

ProcessEnd process_end(shm::State state, const shm::SegmentInfo& info,
                       std::uint64_t pid_namespace) noexcept {
  if (state == shm::State::kClosed) return ProcessEnd::kClosed;
  const bool can_ask = pid_namespace != 0 && info.pid_namespace == pid_namespace;
  return can_ask && process_runs(info.pid, info.start_time_ticks) ? ProcessEnd::kExec
                                                                  : ProcessEnd::kKilled;
}

}  // namespace notch::agent
