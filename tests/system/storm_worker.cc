// An instrumented process of the storm: counts until it is killed, and keeps its own true count in
// a file that the test has mapped. Called by: storm_test.py, as `storm_worker TRUTH_FILE FIRST_SLOT
// SLOTS SEED`.
//
// One slot is one thread's truth: {intent, done}. Around each round of adds the thread stores
// intent, adds, stores done; killed in between, its last round is in doubt, and the test sees that.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "notch/registry.h"

namespace {

struct Slot {
  std::atomic<std::uint64_t> intent;
  std::atomic<std::uint64_t> done;
};

struct Metrics {
  notch::Family<notch::Counter> shared =
      notch::counter_family({"storm_rounds_total", "Rounds.", {"kind"}, "", 0});
  notch::Family<notch::Counter> own =
      notch::counter_family({"storm_own_total", "Rounds of one slot.", {"slot"}});
  notch::FloatCounter halves = notch::float_counter({"storm_halves_total", "Half a round each."});
  notch::Histogram classic = notch::histogram({"storm_size_bytes", "Sizes."}, {1, 2, 4, 8});
  notch::NativeHistogram native = notch::native_histogram({"storm_native_bytes", "Sizes."});
};

// Rounds until the process dies, or `rounds` of them.
void count(Slot& slot, int number, std::uint64_t seed, std::uint64_t rounds) {
  std::mt19937_64 random(seed);
  Metrics metrics;
  notch::Counter own = metrics.own.with(std::to_string(number));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::string kind = std::to_string(random() % 5);
    const double size = static_cast<double>(random() % 16);
    slot.intent.store(slot.intent.load() + 1);
    own.add();
    metrics.shared.with(kind).add();
    metrics.halves.add(0.5);
    metrics.classic.observe(size);
    metrics.native.observe(size);
    slot.done.store(slot.done.load() + 1);
    if (random() % 64 == 0) usleep(static_cast<useconds_t>(random() % 2000));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: storm_worker TRUTH_FILE FIRST_SLOT SLOTS SEED\n", stderr);
    return 2;
  }
  const int first = std::atoi(argv[2]);
  const int slots = std::atoi(argv[3]);
  std::mt19937_64 random(std::strtoull(argv[4], nullptr, 10));
  const int file = open(argv[1], O_RDWR | O_CLOEXEC);
  const auto bytes = static_cast<std::size_t>(lseek(file, 0, SEEK_END));
  void* const map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) return 1;
  close(file);
  auto* const truth = static_cast<Slot*>(map);

  // Some processes are short: born and gone between two scrapes. Some fork; the child counts too.
  const bool brief = random() % 4 == 0;
  const std::uint64_t rounds = brief ? 1 + random() % 200 : UINT64_MAX;
  const int threads = brief ? 1 : slots - 1;
  count(truth[first], first, random(), 1 + random() % 8);
  pid_t child = -1;
  if (random() % 3 == 0) child = fork();
  if (child == 0) {
    count(truth[first + slots - 1], first + slots - 1, random(), 1 + random() % 5000);
    _exit(0);
  }
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back(count, std::ref(truth[first + i]), first + i, random(), rounds);
  }
  for (std::thread& thread : running) thread.join();
  if (child > 0) waitpid(child, nullptr, 0);
  return 0;
}
