// SIGRTMIN to one thread, over and over. Called by: counting_test, unload_test.
#pragma once

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/client/segment_directory.h"

namespace notch::test {

// Sends to the calling thread for as long as it lives.
class ThreadTimer {
 public:
  ThreadTimer() {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = gettid();
    NOTCH_REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0);
    const itimerspec period{{0, kPeriod_ns}, {0, kPeriod_ns}};
    timer_settime(timer_, 0, &period, nullptr);
  }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;
  ~ThreadTimer() { timer_delete(timer_); }

 private:
  static constexpr long kPeriod_ns = 200'000;
  timer_t timer_{};
};

}  // namespace notch::test
