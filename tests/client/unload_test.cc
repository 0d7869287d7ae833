// Invariant CE4 of notch/cell.h: a plugin that counted is unloaded, other memory takes the place of
// its code, and the threads that counted in it go on: a thread that still pointed to a section
// there would be killed by the kernel at its next interruption.
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/client/segment_directory.h"
#include "tests/client/thread_timer.h"

namespace notch::test {
namespace {

constexpr int kThreads = 3;
constexpr int kRounds = 30;
constexpr int kAdds = 2000;  // by each thread, and by the one that unloads

using Add = void (*)(int);

struct Stretch {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

// Where the plugin lies; empty if it is not loaded.
Stretch place_of_plugin() {
  Stretch stretch;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        if (std::strcmp(info->dlpi_name, NOTCH_TEST_PLUGIN) != 0) return 0;
        auto& place = *static_cast<Stretch*>(found);
        for (const ElfW(Phdr)* part = info->dlpi_phdr; part != info->dlpi_phdr + info->dlpi_phnum;
             ++part) {
          if (part->p_type != PT_LOAD) continue;
          const std::uintptr_t begin = info->dlpi_addr + part->p_vaddr;
          if (place.begin == 0) place.begin = begin & ~std::uintptr_t{4095};
          place.end = (begin + part->p_memsz + 4095) & ~std::uintptr_t{4095};
        }
        return 1;
      },
      &stretch);
  return stretch;
}

// Memory whose every word is a wrong address, where the plugin was. Fails if anything is left
// there.
void overwrite(const Stretch& stretch) {
  const std::size_t bytes = stretch.end - stretch.begin;
  void* const wanted = reinterpret_cast<void*>(stretch.begin);
  void* const memory = mmap(wanted, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  NOTCH_REQUIRE(memory == wanted);
  std::memset(memory, 0xff, bytes);
}

// What the threads and the one that loads tell each other, without a system call: that would be the
// interruption too early.
struct Rounds {
  std::atomic<Add> add{nullptr};
  std::atomic<int> begun{0};  // rounds; past kRounds: over
  std::atomic<int> done{0};   // threads, in this round
};

void count_in_every_round(Rounds& rounds) {
  const ThreadTimer timer;
  for (int round = 1; round <= kRounds; ++round) {
    while (rounds.begun < round) {
    }
    rounds.add.load()(kAdds);
    ++rounds.done;
  }
  while (rounds.begun <= kRounds) {
  }
}

void load_count_and_unload(Rounds& rounds) {
  void* const plugin = dlopen(NOTCH_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  NOTCH_REQUIRE(plugin != nullptr);
  const Stretch place = place_of_plugin();
  NOTCH_REQUIRE(place.end > place.begin);
  const auto add = reinterpret_cast<Add>(dlsym(plugin, "plugin_add"));
  NOTCH_REQUIRE(add != nullptr);
  rounds.done = 0;
  rounds.add = add;
  ++rounds.begun;
  while (rounds.done < kThreads) {
  }
  add(kAdds);
  NOTCH_REQUIRE(dlclose(plugin) == 0);
  NOTCH_REQUIRE(place_of_plugin().end == 0);
  overwrite(place);
  std::this_thread::sleep_for(std::chrono::milliseconds(1));  // now everyone is interrupted
}

// The handlers that the plugin gave to pthread_atfork() went with it.
void fork_as_well() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  NOTCH_REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

class Unload : public SegmentDirectory {};

TEST_F(Unload, ThreadsOfAnUnloadedPluginGoOnAndItsCountsAreExact) {
  expect_quiet_success([] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    sigaction(SIGRTMIN, &action, nullptr);
    Rounds rounds;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&rounds] { count_in_every_round(rounds); });
    for (int round = 0; round < kRounds; ++round) load_count_and_unload(rounds);
    fork_as_well();
    ++rounds.begun;
    for (std::thread& thread : threads) thread.join();
  });
  constexpr std::uint64_t kWanted = std::uint64_t{kRounds} * (kThreads + 1) * kAdds;
  EXPECT_EQ(count("plugin_adds_total"), kWanted);
  EXPECT_EQ(real_total(directory(), "plugin_halves_total"), static_cast<double>(kWanted) / 4);
  EXPECT_EQ(segments().size(), std::size_t{kRounds});
}

}  // namespace
}  // namespace notch::test
