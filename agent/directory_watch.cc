#include "agent/directory_watch.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

namespace notch::agent {
namespace {

constexpr std::uint64_t kRetry_s = 10;

}  // namespace

DirectoryWatch::DirectoryWatch(boost::asio::io_context& loop, SegmentDirectory& directory,
                               std::function<void()> on_change)
    : directory_(directory), on_change_(std::move(on_change)), descriptor_(loop), timer_(loop) {}

void DirectoryWatch::begin(const Moment& now) {
  if (is_watching() || now.boot_s < next_try_boot_s_) return;
  next_try_boot_s_ = now.boot_s + kRetry_s;
  std::string fault = directory_.watch();
  if (fault.empty() && !descriptor_.is_open()) fault = wait_for_directory();
  if (!fault.empty() && !std::exchange(told_unwatched_, true)) {
    spdlog::warn("{}; the directory is listed at every sweep until it can be watched", fault);
  }
  if (fault.empty() && std::exchange(told_unwatched_, false)) {
    spdlog::info("{} is watched again", directory_.path());
  }
}

// Empty, or why not.
std::string DirectoryWatch::wait_for_directory() {
  const int descriptor = dup(directory_.watch_fd());
  if (descriptor < 0) return "no file descriptor is left to watch " + directory_.path();
  boost::system::error_code error;
  descriptor_.assign(descriptor, error);
  if (error) {
    ::close(descriptor);
    return "cannot wait for " + directory_.path() + ": " + error.message();
  }
  wait();
  return "";
}

void DirectoryWatch::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                           if (error) return;
                           on_change_();
                           if (!stopping_) wait_after_pause();
                         });
}

void DirectoryWatch::wait_after_pause() {
  timer_.expires_at(next_look_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) wait();
  });
}

void DirectoryWatch::stop() {
  stopping_ = true;
  timer_.cancel();
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

}  // namespace notch::agent
