#include "agent/host/conntrack.h"

#include <utility>
#include <vector>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr int kHexadecimal = 16;
constexpr std::pair<std::string_view, std::string_view> kShown[] = {
    {"found", "Number of searched entries which were successful."},
    {"invalid", "Number of packets seen which can not be tracked."},
    {"ignore", "Number of packets seen which are already connected to a conntrack entry."},
    {"insert", "Number of entries inserted into the list."},
    {"insert_failed", "Number of entries for which list insertion was attempted but failed."},
    {"drop", "Number of packets dropped due to conntrack failure."},
    {"early_drop",
     "Number of dropped conntrack entries to make room for new ones, if maximum table size was "
     "reached."},
    {"search_restart",
     "Number of conntrack table lookups which had to be restarted due to hashtable resizes."},
};

std::optional<std::uint64_t> number_of(HostFiles& files, const char* name) {
  std::string_view text = files.proc(name).value_or("");
  text = text.substr(0, text.find('\n'));
  return whole_number(take_word(text));
}

}  // namespace

std::map<std::string, std::uint64_t, std::less<>> parse_conntrack_stat(std::string_view text) {
  std::map<std::string, std::uint64_t, std::less<>> sums;
  std::vector<std::string_view> names;
  for (std::string_view line : ProcLines(text)) {
    if (names.empty()) {
      for (std::string_view name = take_word(line); !name.empty(); name = take_word(line)) {
        names.push_back(name);
      }
      continue;
    }
    for (const std::string_view name : names) {
      const std::optional<std::uint64_t> value = whole_number(take_word(line), kHexadecimal);
      if (!value) break;
      sums[std::string(name)] += *value;
    }
  }
  return sums;
}

CollectResult collect_conntrack(HostFiles& files, FamilyList& families) {
  const auto entries = number_of(files, "sys/net/netfilter/nf_conntrack_count");
  const auto limit = number_of(files, "sys/net/netfilter/nf_conntrack_max");
  if (!entries || !limit) return CollectResult::no_data();  // the module is not loaded
  families.gauge("nf_conntrack_entries",
                 "Number of currently allocated flow entries for connection tracking.",
                 static_cast<double>(*entries));
  families.gauge("nf_conntrack_entries_limit", "Maximum size of connection tracking table.",
                 static_cast<double>(*limit));
  const auto sums = parse_conntrack_stat(files.proc("net/stat/nf_conntrack").value_or(""));
  for (const auto& [name, help] : kShown) {
    const auto found = sums.find(name);
    if (found == sums.end()) continue;
    families.gauge("nf_conntrack_stat_" + std::string(name), help,
                   static_cast<double>(found->second));
  }
  return CollectResult::done();
}

}  // namespace notch::agent
