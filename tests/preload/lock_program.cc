// The locks of C++'s library, which are libc's: many threads under each, and a wait for each.
// Called by: lock_test.py.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 8;
constexpr int kRounds = 20000;

template <class Lock, class Mutex>
long crowd(Mutex& mutex) {
  long sum = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const Lock lock(mutex);
        ++sum;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return sum;
}

// One wait for what the caller holds and `let_go` lets go of.
template <class Wait, class LetGo>
void one_wait(Wait wait, LetGo let_go) {
  std::atomic<int> waiter = 0;
  std::thread thread([&] {
    waiter = gettid();
    wait();
  });
  while (waiter == 0) {
  }
  const std::string path = "/proc/self/task/" + std::to_string(waiter) + "/stat";
  for (std::string text; text.find(") S") == std::string::npos;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::getline(std::ifstream(path), text);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  let_go();
  thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  std::mutex mutex;
  std::timed_mutex timed;
  std::recursive_mutex recursive;
  std::shared_mutex shared;
  if (argc > 1 && std::string(argv[1]) == "crowd") {
    std::printf("%ld\n", crowd<std::lock_guard<std::mutex>>(mutex));
    std::printf("%ld\n", crowd<std::lock_guard<std::timed_mutex>>(timed));
    std::printf("%ld\n", crowd<std::lock_guard<std::recursive_mutex>>(recursive));
    std::printf("%ld\n", crowd<std::lock_guard<std::shared_mutex>>(shared));
    return 0;
  }
  mutex.lock();
  one_wait([&] { const std::lock_guard lock(mutex); }, [&] { mutex.unlock(); });
  timed.lock();
  one_wait(
      [&] {
        if (timed.try_lock_for(std::chrono::minutes(1))) timed.unlock();
      },
      [&] { timed.unlock(); });
  shared.lock();
  one_wait([&] { const std::shared_lock lock(shared); }, [&] { shared.unlock(); });
  shared.lock_shared();
  one_wait([&] { const std::lock_guard lock(shared); }, [&] { shared.unlock_shared(); });
  std::puts("done");
  return 0;
}
