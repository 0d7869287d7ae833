#include "agent/processes/process_text.h"

#include "agent/files/proc_text.h"

namespace notch::agent {
namespace {

// Fields of /proc/PID/stat as proc(5) numbers them; the first behind the command is 3.
constexpr int kStateField = 3;
constexpr int kLastField = 24;

// Puts the number behind `key` into `out`; false if the line is another one's or has no number.
bool take_field(std::string_view line, std::string_view key, std::uint64_t& out) {
  if (!line.starts_with(key)) return false;
  line.remove_prefix(key.size());
  const std::optional<std::uint64_t> value = take_number(line);
  if (value) out = *value;
  return value.has_value();
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view stat) {
  // The command may hold anything, brackets included; the last one is the field's end.
  const std::size_t command_end = stat.rfind(") ");
  if (command_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = stat.substr(command_end + 2);
  if (rest.empty()) return std::nullopt;
  ProcessStat out;
  out.state = rest.front();
  for (int field = kStateField + 1; field <= kLastField; ++field) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
    std::uint64_t* const wanted = field == 10   ? &out.minor_faults
                                  : field == 12 ? &out.major_faults
                                  : field == 14 ? &out.user_ticks
                                  : field == 15 ? &out.system_ticks
                                  : field == 20 ? &out.threads
                                  : field == 22 ? &out.start_time_ticks
                                  : field == 23 ? &out.virtual_bytes
                                  : field == 24 ? &out.resident_pages
                                                : nullptr;
    if (wanted == nullptr) continue;
    std::string_view number = rest.substr(0, rest.find(' '));
    const std::optional<std::uint64_t> value = take_number(number);
    if (!value) return std::nullopt;
    *wanted = *value;
  }
  return out;
}

std::optional<ThreadStatus> parse_thread_status(std::string_view status) {
  ThreadStatus out;
  int found = 0;
  for (std::string_view line : ProcLines(status)) {
    found += take_field(line, "voluntary_ctxt_switches:", out.voluntary_switches) ? 1 : 0;
    found += take_field(line, "nonvoluntary_ctxt_switches:", out.involuntary_switches) ? 1 : 0;
    if (!line.starts_with("Uid:")) continue;
    line.remove_prefix(4);
    for (std::uint64_t& uid : out.uids) {
      const std::optional<std::uint64_t> value = take_number(line);
      if (!value) return std::nullopt;
      uid = *value;
    }
    ++found;
  }
  return found == 3 ? std::optional(out) : std::nullopt;
}

std::optional<ProcessIo> parse_process_io(std::string_view io) {
  ProcessIo out;
  int found = 0;
  for (const std::string_view line : ProcLines(io)) {
    found += take_field(line, "rchar:", out.chars_read) ? 1 : 0;
    found += take_field(line, "wchar:", out.chars_written) ? 1 : 0;
    found += take_field(line, "read_bytes:", out.disk_read_bytes) ? 1 : 0;
    found += take_field(line, "write_bytes:", out.disk_written_bytes) ? 1 : 0;
  }
  return found == 4 ? std::optional(out) : std::nullopt;
}

std::optional<std::uint64_t> parse_boot_time_s(std::string_view proc_stat) {
  std::uint64_t boot_s = 0;
  for (const std::string_view line : ProcLines(proc_stat)) {
    if (take_field(line, "btime ", boot_s)) return boot_s;
  }
  return std::nullopt;
}

}  // namespace notch::agent
