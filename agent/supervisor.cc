#include "agent/supervisor.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace notch::agent {

Supervisor::Supervisor(boost::asio::io_context& loop) : timer_(loop) {}

void Supervisor::ready() {
  sd_notify(0, "READY=1");
  std::uint64_t period_us = 0;
  if (sd_watchdog_enabled(0, &period_us) <= 0) return;
  answer_every_ = std::chrono::microseconds(period_us / 2);
  answer();
}

void Supervisor::status(const std::string& line) {
  if (line == last_status_) return;
  last_status_ = line;
  sd_notify(0, ("STATUS=" + line).c_str());
}

void Supervisor::stopping() {
  sd_notify(0, "STOPPING=1");
  timer_.cancel();
}

void Supervisor::answer() {
  sd_notify(0, "WATCHDOG=1");
  timer_.expires_after(answer_every_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) answer();
  });
}

}  // namespace notch::agent
