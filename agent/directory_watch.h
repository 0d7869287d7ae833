// Waits for the kernel to tell of changes in the directory of segments. Where it tells of none, the sweeps look for them.
// Called by: daemon, on its loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/segments/segment_directory.h"
#include "agent/tally/tally_options.h"

namespace notch::agent {

class DirectoryWatch {
 public:
  // `on_change` is called when the kernel has told of changes; it is to call look().
  DirectoryWatch(boost::asio::io_context& loop, SegmentDirectory& directory,
                 std::function<void()> on_change);

  // Watches the directory if it is not watched yet; tries again each 10 s.
  void begin(const Moment& now);
  bool is_watching() const { return directory_.watched() && descriptor_.is_open(); }

  // Calls `take`. The pause after a look is as long as the look was: half of the loop is everybody else's,
  // however fast files come and go.
  template <class Take>
  void look(const Take& take) {
    const auto start = std::chrono::steady_clock::now();
    if (start < next_look_) return;
    take();
    const auto end = std::chrono::steady_clock::now();
    next_look_ = end + (end - start);
  }

  void stop();

 private:
  std::string wait_for_directory();
  void wait();
  void wait_after_pause();

  SegmentDirectory& directory_;
  const std::function<void()> on_change_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point next_look_;
  std::uint64_t next_try_boot_s_ = 0;
  bool told_unwatched_ = false;
  bool stopping_ = false;
};

}  // namespace notch::agent
