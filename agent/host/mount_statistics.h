// Sizes of mounted file systems, asked for on threads of their own: statfs(2) of a network file
// system whose server is gone may never return. Called by: filesystem.
//
// Invariants
//   MS1  ask() returns within the time it is given, whatever the file systems do.
//   MS2  A file system that has not answered is asked again only when it has: it holds one thread,
//        and no more than kMostThreads are held in all.
//   MS3  One that did not answer in time is not waited for again until it has answered in time:
//        ask() waits once for it, not each time.
//   MS4  Those that answered in time last are asked before the others, and while a thread can be
//        had none of them waits behind one that hangs.
#pragma once

#include <sys/statfs.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace notch::agent {

class MountStatistics {
 public:
  static constexpr std::size_t kMostThreads = 64;
  using Ask = std::function<bool(const std::string& path, struct statfs& answer)>;

  // `ask`: statfs, but in tests.
  explicit MountStatistics(Ask ask = {});
  // Does not wait for threads that are held.
  ~MountStatistics();
  MountStatistics(const MountStatistics&) = delete;
  MountStatistics& operator=(const MountStatistics&) = delete;

  // An answer per path; nothing of those that failed or did not answer in time.
  std::vector<std::optional<struct statfs>> ask(const std::vector<std::string>& paths,
                                                std::chrono::steady_clock::time_point deadline);

 private:
  struct Shared;
  const std::shared_ptr<Shared> shared_;  // outlives this where threads are held
};

}  // namespace notch::agent
