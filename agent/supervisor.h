// Tells systemd by sd_notify(3) that the agent is ready, how it is, that it ends, and, from its event
// loop, that the loop lives (WatchdogSec=). Without systemd (no NOTIFY_SOCKET) it says nothing and needs
// no timer. Called by: daemon.
//
// Invariants
//   SU1  The watchdog is answered by a timer of the very loop that serves and collects: when the
//        loop hangs, so does it.
//   SU2  Nothing is said twice: a status goes out when it differs from the last.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>

namespace notch::agent {

class Supervisor {
 public:
  explicit Supervisor(boost::asio::io_context& loop);

  // From now on the loop answers the watchdog twice in each of its periods, should systemd want
  // that (WATCHDOG_USEC, WATCHDOG_PID).
  void ready();

  // One line for `systemctl status`.
  void status(const std::string& line);

  // The loop may end: nothing of this object keeps it.
  void stopping();

 private:
  void answer();

  boost::asio::steady_timer timer_;
  std::chrono::microseconds answer_every_{0};  // 0: there is no watchdog
  std::string last_status_;
};

}  // namespace notch::agent
