// The files of the directory that were not taken for segments, so that each is looked at again only
// when it may have become one.
// Called by: collect.
//
// Invariants
//   Y1  A rejection is counted once per file and look; a file that did not change is not looked at
//       again. What is refused for want of room waits elsewhere (waiting_files), and is counted
//       here.
//   Y2  At most kMaxRemembered files are remembered; others are counted, but never looked at again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/keyed_hash.h"

namespace notch::agent {

inline constexpr std::size_t kMaxRemembered = 20'000;

class RejectedFiles {
 public:
  // `reason` must live for ever.
  void add(int directory_fd, const std::string& name, const char* reason);
  // For those that are not to be looked at again, or not by this.
  void count(const char* reason) { ++by_reason_[reason]; }
  void forget(const std::string& name) { files_.erase(name); }
  void forget_all() { files_.clear(); }

  // Forgets files that are gone, and hands out, forgetting them, those worth another look. Cost: a
  // stat per remembered file.
  std::vector<std::string> take_changed(int directory_fd);

  std::size_t count() const noexcept { return files_.size(); }
  const std::map<std::string_view, std::uint64_t>& by_reason() const noexcept { return by_reason_; }

 private:
  struct Look {
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Look&) const = default;
  };
  static bool look_at(int directory_fd, const std::string& name, Look& look);

  NameMap<Look> files_;
  std::map<std::string_view, std::uint64_t> by_reason_;
};

}  // namespace notch::agent
