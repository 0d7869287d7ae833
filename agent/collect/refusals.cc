#include "agent/collect/refusals.h"

#include <utility>

namespace notch::agent {
namespace {

// Names are their owners' choice: nothing of them may end a line of a log.
std::string printable(const std::string& name) {
  std::string text;
  for (const char c : name) text += c > ' ' && c < '\x7f' ? c : '?';
  return text;
}

}  // namespace

void Refusals::reject(int directory_fd, const std::string& name, const char* reason,
                      const shm::SegmentReader& reader, std::uint64_t now_boot_s) {
  rejected_.add(directory_fd, name, reason, now_boot_s);
  tell(name, reason, reader);
}

void Refusals::count(const std::string& name, const char* reason,
                     const shm::SegmentReader& reader) {
  rejected_.count(reason);
  tell(name, reason, reader);
}

void Refusals::wait_for_room(const std::string& name, const LiveSegment& segment,
                             const char* reason) {
  wait(name, segment, reason, account_of(accounts_, segment.file.owner_uid()));
}

void Refusals::wait_until_whole(const std::string& name, const LiveSegment& segment,
                                const char* reason) {
  wait(name, segment, reason, std::nullopt);
}

void Refusals::wait(const std::string& name, const LiveSegment& segment, const char* reason,
                    std::optional<std::uint32_t> account) {
  if (!waiting_.add(name, segment.file.identity().inode, account)) return;
  count(name, reason, segment.reader);
}

void Refusals::forget(const std::string& name) {
  rejected_.forget(name);
  waiting_.forget(name);
}

void Refusals::forget_all() {
  rejected_.forget_all();
  waiting_.forget_all();
}

std::vector<std::string> Refusals::look_again(int directory_fd, std::uint64_t now_boot_s) {
  RejectedFiles::Looked looked = rejected_.look_again(directory_fd, now_boot_s);
  for (const auto& [name, reason] : looked.removed) ++stats_.removed[reason];
  if (!looked.removed.empty()) {
    const auto& [name, reason] = looked.removed.back();
    stats_.rejected_message = std::to_string(looked.removed.size()) +
                              " files that no process uses were removed, the last of them " +
                              printable(name) + ": " + reason;
  }
  return std::move(looked.changed);
}

void Refusals::add_to(CollectStats& stats) const {
  stats.rejected_segments = rejected_.count();
  stats.waiting_segments = waiting_.count();
  stats.rejected = rejected_.by_reason();
}

void Refusals::tell(const std::string& name, const char* reason, const shm::SegmentReader& reader) {
  std::string& message = stats_.rejected_message;
  message = printable(name) + " is left out: " + reason;
  if (!reader.fault_detail().empty()) message += " (" + reader.fault_detail() + ")";
}

}  // namespace notch::agent
