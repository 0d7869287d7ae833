#include "client/preload/clock.h"

#include <sys/auxv.h>

#include "shm/memory_order.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace notch::preload {

__thread Sampling sampling __attribute__((tls_model("initial-exec")));

namespace {

// A vDSO answers in tens of nanoseconds; what takes longer than this goes to the kernel.
constexpr std::uint64_t kMostReadingNs = 150;
constexpr std::uint64_t kLeastBaselineNs = 20'000'000;
// The two readings that the rate comes from are off by half their widths at the most, of so many ticks: 61 ppm.
constexpr std::uint64_t kLeastTicksPerWidth = 1U << 14;
constexpr int kReadings = 3;

constexpr std::uint32_t kUnasked = 1;
constexpr std::uint32_t kAsked = 2;

// Both clocks at one moment. A thread may lose its processor between the two, so the counter is read on both sides:
// `width` ticks lie between, and `ticks` is their middle.
struct Reading {
  std::uint64_t ns = 0;
  std::uint64_t ticks = 0;
  std::uint64_t width = 0;
};

struct State {
  ReadClock ask = clock_gettime;
  clockid_t clock = CLOCK_MONOTONIC;  // published by `way` [tag: clock-way]
  std::uint32_t way = 0;              // ClockWay
  std::uint32_t allowed = 1;          // 0: kNone, whatever `way` says
  std::uint32_t counter = 0;          // kUnasked, kAsked: whether it is even
  Reading first;
  double seconds_per_tick = 0;  // published by `way` [tag: clock-way]
};

constinit State state;

std::uint64_t monotonic_ns() noexcept {
  timespec time{};
  state.ask(state.clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

#if defined(__x86_64__)
std::uint64_t ticks() noexcept {
  return __rdtsc();
}

// Constant at every clock rate, and running in every sleep state. Under a hypervisor the question
// takes many microseconds.
bool has_even_counter() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
}
#else
std::uint64_t ticks() noexcept {
  return 0;
}
bool has_even_counter() noexcept {
  return false;
}
#endif

ClockWay way() noexcept {
  if (shm::read_alone(state.allowed) == 0) return ClockWay::kNone;
  return static_cast<ClockWay>(shm::observe(state.way));  // [tag: clock-way]
}

// The narrowest of a few. For size, as what follows: each is called a few times in a process's life.
[[gnu::cold, gnu::noinline]] Reading read_both() noexcept {
  Reading best{0, 0, ~std::uint64_t{0}};
  for (int i = 0; i < kReadings; ++i) {
    const std::uint64_t before = ticks();
    const std::uint64_t ns = monotonic_ns();
    const std::uint64_t width = ticks() - before;
    if (width < best.width) best = {ns, before + width / 2, width};
  }
  return best;
}

// The rate, where the baseline is long beside the widths of its ends. Whichever thread is first says it, once.
[[gnu::cold, gnu::noinline]] void try_rate() noexcept {
  std::uint32_t unasked = kUnasked;
  // Relaxed: it only says who. What the one then writes is published by `way`.
  if (!shm::exchange_alone(state.counter, unasked, kAsked)) return;
  const Reading last = read_both();
  const std::uint64_t elapsed = last.ticks - state.first.ticks;
  if (last.width + state.first.width > elapsed / kLeastTicksPerWidth) {
    shm::write_alone(state.counter, kUnasked);  // a later one has a longer baseline
    return;
  }
  if (!has_even_counter()) return;
  state.seconds_per_tick =
      static_cast<double>(last.ns - state.first.ns) * 1e-9 / static_cast<double>(elapsed);
  // [tag: clock-way] Publishes the length of a tick; else a thread that finds the new way could take
  // ticks times zero for a time.
  shm::publish(state.way, static_cast<std::uint32_t>(ClockWay::kCounter));
}

void learn_rate(std::uint64_t ns) noexcept {
  if (shm::read_alone(state.counter) == kUnasked && ns - state.first.ns >= kLeastBaselineNs)
    try_rate();
}

}  // namespace

[[gnu::cold]] bool start_clock(ReadClock libcs) noexcept {
  if (libcs != nullptr) state.ask = libcs;
  std::uint64_t quickest = ~std::uint64_t{0};
  std::uint64_t last = monotonic_ns();
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t next = monotonic_ns();
    if (next - last < quickest) quickest = next - last;
    last = next;
  }
  if (quickest > kMostReadingNs) {
    if (getauxval(AT_SYSINFO_EHDR) == 0) return false;  // no vDSO: each clock is a system call
    state.clock = CLOCK_MONOTONIC_COARSE;
  } else {
    state.counter = kUnasked;
    state.first = read_both();
  }
  shm::publish(state.way, static_cast<std::uint32_t>(ClockWay::kVdso));  // [tag: clock-way]
  return state.clock == CLOCK_MONOTONIC_COARSE;
}

void forbid_clock() noexcept {
  shm::write_alone(state.allowed, std::uint32_t{0});
}
void allow_clock() noexcept {
  shm::write_alone(state.allowed, std::uint32_t{1});
}

Moment now() noexcept {
  const ClockWay by = way();
  if (by == ClockWay::kCounter) return {ticks(), by};
  if (by == ClockWay::kVdso) return {monotonic_ns(), by};
  return {};
}

double seconds_since(const Moment& then) noexcept {
  const Moment end = now();
  if (end.by != then.by || end.by == ClockWay::kNone) return -1;
  // The counters of two processors may be a few ticks apart.
  const std::uint64_t elapsed = end.at > then.at ? end.at - then.at : 0;
  if (end.by == ClockWay::kCounter) return static_cast<double>(elapsed) * state.seconds_per_tick;
  learn_rate(end.at);
  return static_cast<double>(elapsed) * 1e-9;
}

std::uint64_t now_ns() noexcept {
  const ClockWay by = way();
  if (by == ClockWay::kNone) return 0;
  if (by == ClockWay::kVdso) {
    const std::uint64_t ns = monotonic_ns();
    learn_rate(ns);
    return ns;
  }
  // By learn_rate() the two ways agree at the moment of their change.
  const double seconds = static_cast<double>(ticks() - state.first.ticks) * state.seconds_per_tick;
  return state.first.ns + static_cast<std::uint64_t>(seconds * 1e9);
}

}  // namespace notch::preload
