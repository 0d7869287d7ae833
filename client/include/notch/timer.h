// Times a scope into a histogram, in seconds.
//
// Use:
//   notch::Histogram seconds = notch::histogram({"query_duration_seconds", "Time of a query."},
//                                               notch::Buckets::latency_seconds());
//   notch::Timer timer(seconds);  // until the scope ends
//   timer.stop();                 // or until here; cancel() to observe nothing
#pragma once

#include <chrono>

namespace notch {

// REQUIRES: the histogram's unit is seconds. Cost: two readings of the steady clock (vDSO, about 25
// ns each) and an observe(). Not to be shared between threads.
template <class H>
class Timer {
 public:
  explicit Timer(H histogram) noexcept : histogram_(histogram) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }

  // Observes the time since construction, once; later calls and the destructor then do nothing.
  // Returns the seconds.
  double stop() noexcept {
    const double seconds = elapsed();
    if (running_) histogram_.observe(seconds);
    running_ = false;
    return seconds;
  }

  // Nothing will be observed.
  void cancel() noexcept { running_ = false; }

  double elapsed() const noexcept {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  H histogram_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool running_ = true;
};

}  // namespace notch
