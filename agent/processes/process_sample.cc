#include "agent/processes/process_sample.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "agent/files/file_descriptor.h"
#include "agent/files/proc_text.h"
#include "agent/processes/process_text.h"

namespace notch::agent {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(int folder, const char* name) {
  const int fd = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {nullptr, ::closedir};
  Directory directory(::fdopendir(fd), ::closedir);
  if (directory == nullptr) ::close(fd);
  return directory;
}

std::optional<std::uint64_t> open_descriptors(int process) {
  // Since Linux 6.2 the directory's size tells, without leave to look into it.
  struct stat status {};
  if (::fstatat(process, "fd", &status, 0) != 0) return std::nullopt;
  if (status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  const Directory directory = open_directory(process, "fd");
  if (directory == nullptr) return std::nullopt;
  std::uint64_t count = 0;
  while (const dirent* const entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count;
}

std::vector<ThreadSwitches> read_threads(int process) {
  std::vector<ThreadSwitches> threads;
  const Directory directory = open_directory(process, "task");
  if (directory == nullptr) return threads;
  while (const dirent* const entry = ::readdir(directory.get())) {
    std::string_view name(entry->d_name);
    const std::optional<std::uint64_t> tid = take_number(name);
    if (!tid) continue;
    const std::string path = "task/" + std::to_string(*tid) + "/status";
    const auto status = parse_thread_status(read_proc_at(process, path.c_str()));
    if (!status) continue;
    threads.push_back({*tid, status->voluntary_switches, status->involuntary_switches});
    if (threads.size() == kMostThreads) break;
  }
  std::ranges::sort(threads, {}, &ThreadSwitches::tid);
  return threads;
}

void put(CounterValues& counters, ProcessCounter counter, std::uint64_t value) {
  counters[static_cast<std::size_t>(counter)] = value;
}

void put(GaugeValues& gauges, ProcessGauge gauge, std::optional<std::uint64_t> value) {
  gauges[static_cast<std::size_t>(gauge)] = value;
}

void put_stat(const ProcessStat& stat, ProcessSample& sample) {
  put(sample.counters, ProcessCounter::kUserTicks, stat.user_ticks);
  put(sample.counters, ProcessCounter::kSystemTicks, stat.system_ticks);
  put(sample.counters, ProcessCounter::kMinorFaults, stat.minor_faults);
  put(sample.counters, ProcessCounter::kMajorFaults, stat.major_faults);
  put(sample.gauges, ProcessGauge::kResidentBytes,
      stat.resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  put(sample.gauges, ProcessGauge::kVirtualBytes, stat.virtual_bytes);
  put(sample.gauges, ProcessGauge::kThreads, stat.threads);
}

void put_io(const ProcessIo& io, CounterValues& counters) {
  put(counters, ProcessCounter::kDiskReadBytes, io.disk_read_bytes);
  put(counters, ProcessCounter::kDiskWrittenBytes, io.disk_written_bytes);
  put(counters, ProcessCounter::kCharsRead, io.chars_read);
  put(counters, ProcessCounter::kCharsWritten, io.chars_written);
}

}  // namespace

void add_switches(std::vector<ThreadSwitches> now, SwitchesSoFar& so_far) {
  auto before = so_far.threads.begin();
  for (const ThreadSwitches& thread : now) {
    while (before != so_far.threads.end() && before->tid < thread.tid) ++before;
    ThreadSwitches base;
    // Fewer than before: another thread has the number now.
    if (before != so_far.threads.end() && before->tid == thread.tid &&
        before->voluntary <= thread.voluntary && before->involuntary <= thread.involuntary) {
      base = *before;
    }
    so_far.voluntary += thread.voluntary - base.voluntary;
    so_far.involuntary += thread.involuntary - base.involuntary;
  }
  so_far.threads = std::move(now);
}

const char* process_outcome_name(ProcessOutcome outcome) noexcept {
  switch (outcome) {
    case ProcessOutcome::kRead:
      return "read";
    case ProcessOutcome::kGone:
      return "gone";
    case ProcessOutcome::kOtherNamespace:
      return "other_pid_namespace";
    case ProcessOutcome::kOtherOwner:
      return "other_owner";
    case ProcessOutcome::kUnreadable:
      return "unreadable";
    case ProcessOutcome::kOutcomes:
      break;
  }
  return "unknown";
}

ProcessSample sample_process(const ProcessClaim& claim, SwitchesSoFar& switches) {
  ProcessSample sample;
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u", claim.pid);
  // The open directory stays this process's: should the number go to another, its files are gone.
  const FileDescriptor process(::open(path.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!process.valid()) {
    if (errno != ENOENT) sample.outcome = ProcessOutcome::kUnreadable;
    return sample;
  }
  const auto stat = parse_process_stat(read_proc_at(process.get(), "stat"));
  const auto status = parse_thread_status(read_proc_at(process.get(), "status"));
  if (!stat || !status) {
    struct stat there {};
    const bool exists = ::fstatat(process.get(), "stat", &there, 0) == 0;
    if (exists) sample.outcome = ProcessOutcome::kUnreadable;
    return sample;
  }
  if (stat->start_time_ticks != claim.start_time_ticks) return sample;
  if (claim.owner_uid != 0 &&
      std::ranges::find(status->uids, claim.owner_uid) == status->uids.end()) {
    sample.outcome = ProcessOutcome::kOtherOwner;
    return sample;
  }
  sample.outcome = ProcessOutcome::kRead;
  sample.exited = stat->state == 'Z' || stat->state == 'X';
  put_stat(*stat, sample);
  sample.left_out_threads = stat->threads - std::min<std::uint64_t>(stat->threads, kMostThreads);
  add_switches(stat->threads > 1
                   ? read_threads(process.get())
                   : std::vector<ThreadSwitches>{{claim.pid, status->voluntary_switches,
                                                  status->involuntary_switches}},
               switches);
  put(sample.counters, ProcessCounter::kVoluntarySwitches, switches.voluntary);
  put(sample.counters, ProcessCounter::kInvoluntarySwitches, switches.involuntary);
  if (const auto io = parse_process_io(read_proc_at(process.get(), "io"))) {
    put_io(*io, sample.counters);
  }
  put(sample.gauges, ProcessGauge::kDescriptors, open_descriptors(process.get()));
  return sample;
}

}  // namespace notch::agent
