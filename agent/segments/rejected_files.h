// The files of the directory that were not taken for segments: each is looked at again when it may
// have become one, and removed once it can serve nobody. A segment of a process that is gone would
// stay for good otherwise, and count to its user's limit.
// Called by: collect.
//
// Invariants
//   RJ1  A rejection is counted once per file and look; a file that did not change is not read
//        again. What is refused for want of room waits elsewhere (waiting_files), and is counted
//        here.
//   RJ2  Every file is looked at in its turn, at most kMostLooks of all in a call.
//   RJ3  Removed is only what serves_nobody(), whose lock is free and stays ours until the name is
//        gone, and whose name still leads to that file.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/files/keyed_hash.h"

namespace notch::agent {

// The facts about a rejected file whose lock is free.
struct RejectedFile {
  std::string_view reason;
  std::uint64_t unchanged_s = 0;  // as this agent has seen it: clocks of files can be set
  bool is_regular = true;
  std::uint64_t links = 1;
  std::uint64_t bytes = 0;            // its length
  std::array<std::byte, 16> start{};  // its first bytes, zero behind its end
};

// Whether it may be removed: no process, and no agent of another version or with other limits, can
// make anything of it. It bears a segment's magic and this version, and breaks a rule; or it is
// empty, or torn before its magic, as a host that crashes leaves what was being made.
bool serves_nobody(const RejectedFile& file) noexcept;

class RejectedFiles {
 public:
  static constexpr std::size_t kMostLooks = 20'000;
  static constexpr std::size_t kMostRemovals = 2'048;  // per call

  struct Removed {
    std::string name;
    const char* reason = nullptr;  // why it was rejected
  };
  struct Looked {
    std::vector<std::string> changed;  // worth reading, and forgotten
    std::vector<Removed> removed;
  };

  // `reason` must live for ever.
  void add(int directory_fd, const std::string& name, const char* reason, std::uint64_t now_boot_s);
  // For those that are not to be looked at again, or not by this.
  void count(const char* reason) { ++by_reason_[reason]; }
  void forget(const std::string& name);
  void forget_all();

  // Forgets files that are gone. Cost: a look per file, five calls more per file that is removed.
  Looked look_again(int directory_fd, std::uint64_t now_boot_s);

  std::size_t count() const noexcept { return files_.size(); }
  const std::map<std::string_view, std::uint64_t>& by_reason() const noexcept { return by_reason_; }

 private:
  struct Look {
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Look&) const = default;
  };
  struct Remembered {
    Look look;
    const char* reason = nullptr;
    std::uint64_t since_boot_s = 0;  // it has looked so
    std::uint64_t turn = 0;
  };
  static Look look_of(const struct stat& status);
  static bool remove(int directory_fd, const std::string& name, const Remembered& file,
                     std::uint64_t now_boot_s);

  NameMap<Remembered> files_;
  std::map<std::uint64_t, std::string> by_turn_;  // names of files_
  std::uint64_t turns_ = 0;
  std::map<std::string_view, std::uint64_t> by_reason_;
};

}  // namespace notch::agent
