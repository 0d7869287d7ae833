#include "agent/host/timex.h"

#include <sys/timex.h>

#include <cerrno>
#include <cstring>

namespace notch::agent {
namespace {

constexpr double kMicro = 1e6;
constexpr double kScaledPpm = 1e6 * 65536;  // the kernel's unit of frequencies: 2^-16 ppm

}  // namespace

CollectResult collect_timex(HostFiles&, FamilyList& families) {
  timex clock{};
  const int state = ::adjtimex(&clock);
  if (state < 0) return CollectResult::failed(std::string("adjtimex: ") + std::strerror(errno));
  const double fraction = (clock.status & STA_NANO) != 0 ? 1e9 : kMicro;
  const auto of = [](auto value) { return static_cast<double>(value); };
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    families.gauge(name, help, value);
  };
  gauge("timex_sync_status", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
        state == TIME_ERROR ? 0 : 1);
  gauge("timex_offset_seconds", "Time offset in between local system and reference clock.",
        of(clock.offset) / fraction);
  gauge("timex_frequency_adjustment_ratio", "Local clock frequency adjustment.",
        1 + of(clock.freq) / kScaledPpm);
  gauge("timex_maxerror_seconds", "Maximum error in seconds.", of(clock.maxerror) / kMicro);
  gauge("timex_estimated_error_seconds", "Estimated error in seconds.",
        of(clock.esterror) / kMicro);
  gauge("timex_status", "Value of the status array bits.", of(clock.status));
  gauge("timex_loop_time_constant", "Phase-locked loop time constant.", of(clock.constant));
  gauge("timex_tick_seconds", "Seconds between clock ticks.", of(clock.tick) / kMicro);
  gauge("timex_pps_frequency_hertz", "Pulse per second frequency.", of(clock.ppsfreq) / kScaledPpm);
  gauge("timex_pps_jitter_seconds", "Pulse per second jitter.", of(clock.jitter) / fraction);
  gauge("timex_pps_shift_seconds", "Pulse per second interval duration.", of(clock.shift));
  gauge("timex_pps_stability_hertz",
        "Pulse per second stability, average of recent frequency changes.",
        of(clock.stabil) / kScaledPpm);
  families.counter("timex_pps_jitter_total",
                   "Pulse per second count of jitter limit exceeded events.", of(clock.jitcnt));
  families.counter("timex_pps_calibration_total",
                   "Pulse per second count of calibration intervals.", of(clock.calcnt));
  families.counter("timex_pps_error_total", "Pulse per second count of calibration errors.",
                   of(clock.errcnt));
  families.counter("timex_pps_stability_exceeded_total",
                   "Pulse per second count of stability limit exceeded events.", of(clock.stbcnt));
  gauge("timex_tai_offset_seconds", "International Atomic Time (TAI) offset.", of(clock.tai));
  return CollectResult::done();
}

}  // namespace notch::agent
