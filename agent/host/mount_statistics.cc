#include "agent/host/mount_statistics.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace notch::agent {
namespace {

using Clock = std::chrono::steady_clock;

// Without an answer for this long more threads are brought in: twice as many each time.
constexpr std::chrono::milliseconds kStall{4};

}  // namespace

struct MountStatistics::Shared {
  // A file system, from the round in which it was asked first to the last that asks for it.
  struct Mount {
    bool asked = false;    // a thread is in it
    bool waiting = false;  // for a thread
    bool awaited = false;  // the round does not end without it
    bool late = false;     // did not answer in time
    bool fresh = false;    // `answer` is of this round
    bool listed = false;   // in this round
    std::optional<struct statfs> answer;
  };

  explicit Shared(Ask with) : ask(std::move(with)) {}

  const Ask ask;
  std::mutex mutex;
  std::condition_variable work;
  std::condition_variable answered;
  // All under the mutex.
  std::map<std::string, Mount> mounts;  // none that is asked leaves
  std::deque<std::string> waiting;
  std::size_t awaited = 0;
  Clock::duration patience{};
  std::size_t threads = 0;
  std::size_t idle_threads = 0;
  bool ended = false;

  void serve();
  void begin(const std::vector<std::string>& paths, Clock::time_point deadline);
  void add_threads(const std::shared_ptr<Shared>& self, std::size_t wanted);
  bool all_are_held() const;
  void await(const std::shared_ptr<Shared>& self, std::unique_lock<std::mutex>& lock,
             Clock::time_point deadline);
};

void MountStatistics::Shared::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    // One is kept for the next round; the others were for those that hang.
    if (waiting.empty() && idle_threads > 0) break;
    ++idle_threads;
    work.wait(lock, [this] { return ended || !waiting.empty(); });
    --idle_threads;
    if (ended) break;
    const std::string path = std::move(waiting.front());
    waiting.pop_front();
    Mount& mount = mounts[path];
    mount.waiting = false;
    mount.asked = true;
    const Clock::time_point begun = Clock::now();
    lock.unlock();
    struct statfs answer {};
    const bool good = ask(path, answer);
    lock.lock();
    mount.asked = false;
    mount.fresh = true;
    mount.late = Clock::now() - begun > patience;
    mount.answer = good ? std::optional(answer) : std::nullopt;
    if (std::exchange(mount.awaited, false) && --awaited == 0) answered.notify_one();
  }
  --threads;
}

// Queues what no thread is in, those that are known to answer first.
void MountStatistics::Shared::begin(const std::vector<std::string>& paths,
                                    Clock::time_point deadline) {
  awaited = 0;
  patience = deadline - Clock::now();
  for (auto& [path, mount] : mounts) mount.fresh = mount.awaited = mount.listed = false;
  for (const std::string& path : paths) {
    Mount& mount = mounts[path];
    mount.listed = true;
    if (mount.asked || mount.waiting) continue;
    mount.waiting = true;
    mount.awaited = !mount.late;
    awaited += mount.awaited ? 1 : 0;
    waiting.push_back(path);
  }
  // Not the one of std::ranges: clang 14 does not take libstdc++'s subrange.
  std::stable_partition(waiting.begin(), waiting.end(), [this](const std::string& path) {
    return mounts[path].answer.has_value() && !mounts[path].late;
  });
}

void MountStatistics::Shared::add_threads(const std::shared_ptr<Shared>& self, std::size_t wanted) {
  try {
    for (; wanted > 0 && threads < kMostThreads; --wanted) {
      std::thread([self] { self->serve(); }).detach();
      ++threads;
    }
  } catch (const std::system_error&) {
    // None to be had now: those there are will do, or nothing is answered.
  }
}

// Every thread is in a file system, and none in one of this round.
bool MountStatistics::Shared::all_are_held() const {
  std::size_t held = 0;
  for (const auto& [path, mount] : mounts) {
    if (mount.asked && mount.awaited) return false;
    held += mount.asked ? 1 : 0;
  }
  return held == threads;
}

void MountStatistics::Shared::await(const std::shared_ptr<Shared>& self,
                                    std::unique_lock<std::mutex>& lock,
                                    Clock::time_point deadline) {
  if (!waiting.empty() && idle_threads == 0) add_threads(self, 1);
  work.notify_one();
  std::size_t more = 1;
  while (awaited > 0 && Clock::now() < deadline) {
    const std::size_t before = awaited;
    const auto stalled = std::min(Clock::now() + kStall, deadline);
    answered.wait_until(lock, stalled, [this] { return awaited == 0; });
    if (awaited < before || waiting.empty()) continue;
    add_threads(self, std::min(more, waiting.size()));
    more *= 2;
    if (all_are_held()) break;
  }
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
    const std::vector<std::string>& paths, Clock::time_point deadline) {
  std::unique_lock lock(shared_->mutex);
  shared_->begin(paths, deadline);
  shared_->await(shared_, lock, deadline);
  // A question that no thread has begun is asked again next time, and does not count as late. Questions
  // that nobody waits for have their turn when a thread is free.
  std::erase_if(shared_->waiting, [this](const std::string& path) {
    Shared::Mount& mount = shared_->mounts[path];
    if (!mount.late) mount.waiting = false;
    return !mount.late;
  });
  std::vector<std::optional<struct statfs>> found;
  for (const std::string& path : paths) {
    const Shared::Mount& mount = shared_->mounts[path];
    found.push_back(mount.fresh ? mount.answer : std::nullopt);
  }
  for (auto& [path, mount] : shared_->mounts) mount.late = mount.late || mount.asked;
  std::erase_if(shared_->mounts, [](const auto& entry) {
    const Shared::Mount& mount = entry.second;
    return !mount.asked && !mount.waiting && !mount.listed;
  });
  return found;
}

}  // namespace notch::agent
