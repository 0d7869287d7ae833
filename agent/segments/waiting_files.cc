#include "agent/segments/waiting_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace notch::agent {

bool WaitingFiles::add(const std::string& name, std::uint64_t inode,
                       std::optional<std::uint32_t> account) {
  const auto [file, is_new] = files_.try_emplace(name);
  Waiting& waiting = file->second;
  const bool first = is_new || waiting.inode != inode;
  if (!is_new) leave_queue(waiting);
  waiting = {inode, account, ++arrivals_};
  queues_[account].emplace(waiting.arrival, name);
  return first;
}

void WaitingFiles::forget(const std::string& name) {
  const auto file = files_.find(name);
  if (file == files_.end()) return;
  leave_queue(file->second);
  files_.erase(file);
}

void WaitingFiles::forget_all() {
  files_.clear();
  queues_.clear();
}

void WaitingFiles::leave_queue(const Waiting& waiting) {
  const auto queue = queues_.find(waiting.account);
  if (waiting.arrival == 0 || queue == queues_.end()) return;
  queue->second.erase(waiting.arrival);
  if (queue->second.empty()) queues_.erase(queue);
}

void WaitingFiles::hand_out(Queue& queue, std::size_t most, std::vector<std::string>& names) {
  while (most-- > 0 && !queue.empty()) {
    files_[queue.begin()->second].arrival = 0;
    names.push_back(std::move(queue.begin()->second));
    queue.erase(queue.begin());
  }
}

std::vector<std::string> WaitingFiles::next(const SegmentQuota& quota) {
  std::vector<std::string> names;
  for (auto queue = queues_.begin(); queue != queues_.end();) {
    const std::uint64_t places = queue->first ? quota.segments_left(*queue->first) : 0;
    const std::uint64_t in_all = quota.all_segments_left();
    const std::uint64_t left = in_all > names.size() ? in_all - names.size() : 0;
    hand_out(queue->second, std::min(places, left), names);
    queue = queue->second.empty() ? queues_.erase(queue) : std::next(queue);
  }
  return names;
}

std::vector<std::string> WaitingFiles::next_unopened(std::size_t most) {
  std::vector<std::string> names;
  const auto queue = queues_.find(std::nullopt);
  if (queue == queues_.end()) return names;
  hand_out(queue->second, most, names);
  if (queue->second.empty()) queues_.erase(queue);
  return names;
}

}  // namespace notch::agent
