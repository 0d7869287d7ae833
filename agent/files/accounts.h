// The account to which a uid counts for the limits. /etc/subuid gives an account thousands of further
// uids, for user namespaces; these count to the account's limits. Everything else (names, precedence,
// who may add to a service) goes by the uid itself.
// Called by: daemon, services, segments, collect, tally.
//
// Invariants
//   AC1  A uid's account stays the same for as long as the agent runs, so that whoever was charged
//        is given back: a file that changes later says what uids are that were not asked for yet.
//   AC2  An account is its own account.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/files/keyed_hash.h"
#include "agent/files/small_file.h"

namespace notch::agent {

// Several users have a part in one row: it is nobody's alone.
inline constexpr std::uint32_t kManyOwners = 0xFFFFFFFE;
inline constexpr std::uint32_t kFirstOrdinaryUid = 1000;

// A line of /etc/subuid, `owner` as /etc/passwd has it.
struct SubordinateRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t owner = 0;
};

// Users by name; lines that are none are passed over.
NameMap<std::uint32_t> parse_passwd(std::string_view text);

// At most kMostRanges, in the file's order. What root has, or an owner that is not in `users`, are
// ranges of kUidsOfOneRange each on their own: root gives them to containers of many.
inline constexpr std::size_t kMostRanges = 65'536;
inline constexpr std::uint32_t kUidsOfOneRange = 65'536;
std::vector<SubordinateRange> parse_subuid(std::string_view text,
                                           const NameMap<std::uint32_t>& users);

class Accounts {
 public:
  Accounts(std::string passwd_path, std::string subuid_path);

  // Cost: a look-up; for a uid that is new two stat(2), and reading the files if they changed.
  std::uint32_t of(std::uint32_t uid);

 private:
  void read_if_changed();
  std::uint32_t find(std::uint32_t uid) const;

  const std::string passwd_path_;
  const std::string subuid_path_;
  FileStamp passwd_stamp_;
  FileStamp subuid_stamp_;
  NameMap<std::uint32_t> users_;
  std::vector<SubordinateRange> ranges_;
  std::unordered_map<std::uint32_t, std::uint32_t> known_;  // uids that were asked for
};

// Without accounts everybody is his own.
inline std::uint32_t account_of(Accounts* accounts, std::uint32_t uid) {
  return accounts == nullptr ? uid : accounts->of(uid);
}

}  // namespace notch::agent
