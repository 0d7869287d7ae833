#include "agent/files/accounts.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "agent/files/proc_text.h"

namespace notch::agent {
namespace {

std::string_view take_field(std::string_view& line) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  line.remove_prefix(colon == std::string_view::npos ? line.size() : colon + 1);
  return field;
}

std::optional<std::uint32_t> number_in(std::string_view field) {
  std::uint32_t number = 0;
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, number);
  if (error != std::errc() || stop != end || field.empty()) return std::nullopt;
  return number;
}

void append_single_ranges(std::uint32_t first, std::uint32_t count,
                          std::vector<SubordinateRange>& ranges) {
  while (count > 0 && ranges.size() < kMostRanges) {
    const std::uint32_t part = std::min(count, kUidsOfOneRange);
    ranges.push_back({first, part, first});
    first += part;
    count -= part;
  }
}

}  // namespace

NameMap<std::uint32_t> parse_passwd(std::string_view text) {
  NameMap<std::uint32_t> users;
  for (std::string_view line : ProcLines(text)) {
    const std::string_view name = take_field(line);
    take_field(line);
    const auto uid = number_in(take_field(line));
    if (!name.empty() && uid) users.emplace(name, *uid);
  }
  return users;
}

std::vector<SubordinateRange> parse_subuid(std::string_view text,
                                           const NameMap<std::uint32_t>& users) {
  std::vector<SubordinateRange> ranges;
  for (std::string_view line : ProcLines(text)) {
    const std::string_view owner = take_field(line);
    const auto first = number_in(take_field(line));
    auto count = number_in(take_field(line));
    if (owner.empty() || !first || !count || !line.empty()) continue;
    count = std::min(*count, std::numeric_limits<std::uint32_t>::max() - *first);
    const auto named = users.find(std::string(owner));
    const auto uid = named != users.end() ? std::optional(named->second) : number_in(owner);
    if (ranges.size() == kMostRanges) break;
    if (uid.value_or(0) == 0) {
      append_single_ranges(*first, *count, ranges);
    } else {
      ranges.push_back({*first, *count, *uid});
    }
  }
  return ranges;
}

Accounts::Accounts(std::string passwd_path, std::string subuid_path)
    : passwd_path_(std::move(passwd_path)), subuid_path_(std::move(subuid_path)) {}

std::uint32_t Accounts::of(std::uint32_t uid) {
  if (uid >= kManyOwners) return uid;  // nobody's, several users'
  const auto known = known_.find(uid);
  if (known != known_.end()) return known->second;
  read_if_changed();
  const std::uint32_t found = find(uid);
  const std::uint32_t account = known_.try_emplace(found, found).first->second;
  return known_.try_emplace(uid, account).first->second;
}

void Accounts::read_if_changed() {
  const FileStamp passwd = stamp_of(passwd_path_);
  const FileStamp subuid = stamp_of(subuid_path_);
  if (passwd == passwd_stamp_ && subuid == subuid_stamp_) return;
  users_ = parse_passwd(read_small_file(passwd_path_).content);
  ranges_ = parse_subuid(read_small_file(subuid_path_).content, users_);
  passwd_stamp_ = passwd;
  subuid_stamp_ = subuid;
}

std::uint32_t Accounts::find(std::uint32_t uid) const {
  const auto has_uid = [uid](const auto& user) { return user.second == uid; };
  if (std::ranges::any_of(users_, has_uid)) return uid;
  const auto holds_uid = [uid](const SubordinateRange& range) {
    return uid >= range.first && uid - range.first < range.count;
  };
  const auto range = std::ranges::find_if(ranges_, holds_uid);
  return range == ranges_.end() ? uid : range->owner;
}

}  // namespace notch::agent
