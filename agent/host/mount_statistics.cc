#include "agent/host/mount_statistics.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

namespace notch::agent {

struct MountStatistics::Shared {
  explicit Shared(Ask with) : ask(std::move(with)) {}

  const Ask ask;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable answered;
  // All under the mutex.
  std::deque<std::string> waiting;
  std::map<std::string, std::optional<struct statfs>> answers;  // of the round
  std::set<std::string> asked;                                  // waiting, or a thread is in them
  std::size_t threads = 0;
  std::size_t idle_threads = 0;
  bool ended = false;

  void serve();
};

void MountStatistics::Shared::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle_threads;
    work.wait(lock, [this] { return ended || !waiting.empty(); });
    --idle_threads;
    if (ended) break;
    const std::string path = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    struct statfs answer {};
    const bool good = ask(path, answer);
    lock.lock();
    asked.erase(path);
    answers[path] = good ? std::optional(answer) : std::nullopt;
    answered.notify_one();
  }
  --threads;
}

MountStatistics::MountStatistics(Ask ask)
    : shared_(std::make_shared<Shared>(ask ? std::move(ask)
                                           : [](const std::string& path, struct statfs& answer) {
                                               return ::statfs(path.c_str(), &answer) == 0;
                                             })) {}

MountStatistics::~MountStatistics() {
  const std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  shared_->work.notify_all();
}

std::vector<std::optional<struct statfs>> MountStatistics::ask(
    const std::vector<std::string>& paths, std::chrono::milliseconds patience) {
  std::unique_lock lock(shared_->mutex);
  shared_->answers.clear();
  // Those held since an earlier round count as unanswered, without another wait for them.
  std::vector<std::string> expected;
  for (const std::string& path : paths) {
    if (!shared_->asked.insert(path).second) continue;
    shared_->waiting.push_back(path);
    expected.push_back(path);
  }
  if (!expected.empty() && shared_->idle_threads == 0 && shared_->threads < kMostThreads) {
    try {
      std::thread([shared = shared_] { shared->serve(); }).detach();
      ++shared_->threads;
    } catch (const std::system_error&) {
      // None to be had now: nothing is answered.
    }
  }
  shared_->work.notify_one();
  const auto all = [&] {
    for (const std::string& path : expected) {
      if (!shared_->answers.contains(path)) return false;
    }
    return true;
  };
  shared_->answered.wait_for(lock, patience, all);
  // What no thread has begun is not left behind.
  for (const std::string& path : shared_->waiting) shared_->asked.erase(path);
  shared_->waiting.clear();
  std::vector<std::optional<struct statfs>> found;
  for (const std::string& path : paths) {
    const auto answer = shared_->answers.find(path);
    found.push_back(answer == shared_->answers.end() ? std::nullopt : answer->second);
  }
  return found;
}

}  // namespace notch::agent
