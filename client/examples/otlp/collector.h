// The collector process: takes batches over OTLP/HTTP and says so, except when it is slow, will not
// take them or not all of them, hangs up, or dies. Called by: supervisor, in a forked child.
#pragma once

#include <atomic>
#include <cstdint>

namespace otlp_demo {

// The spans that collectors took of batches they answered, in memory that the supervisor owns, so that
// it outlives them. A batch whose answer came too late is sent again and counts twice here.
struct CollectorCounts {
  std::atomic<std::uint64_t> taken{0};
  std::atomic<std::uint64_t> refused{0};  // by a partial success
};

struct CollectorPlan {
  std::uint16_t port = 0;
  std::uint64_t seed = 0;
  CollectorCounts* counts = nullptr;
  bool may_die = true;
};

// Serves until SIGTERM (returns 0), or kills itself. Returns kCollectorNoPort, with a line on
// stderr, if it cannot listen. REQUIRES: SIGTERM is blocked.
int run_collector(const CollectorPlan& plan);

inline constexpr int kCollectorNoPort = 8;

// A TCP port of 127.0.0.1 that stays ours while no collector listens on it: attempts to connect
// are then refused, as on a host whose collector is down.
class ReservedPort {
 public:
  ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;
  ~ReservedPort();

  // 0: there was none to be had.
  std::uint16_t number() const noexcept { return number_; }

 private:
  int descriptor_ = -1;
  std::uint16_t number_ = 0;
};

}  // namespace otlp_demo
