#include "agent/host/netstat.h"

#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

std::optional<std::int64_t> signed_number(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  const std::optional<std::uint64_t> value = whole_number(word);
  if (!value || *value > INT64_MAX) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

void add(FamilyList& families, const std::vector<ProtocolCount>& counts, const NameFilter& filter) {
  std::string whole;
  for (const ProtocolCount& count : counts) {
    whole.assign(count.protocol).append("_").append(count.name);
    if (filter.hides(whole)) continue;
    families.begin(MetricType::kUnknown, "netstat_" + whole,
                   "Statistic " + std::string(count.protocol) + std::string(count.name) + ".");
    families.add(static_cast<double>(count.value));
  }
}

}  // namespace

std::vector<ProtocolCount> parse_protocol_counts(std::string_view text) {
  std::vector<ProtocolCount> counts;
  std::string_view names;
  for (std::string_view line : ProcLines(text)) {
    if (names.empty()) {
      names = line;
      continue;
    }
    std::string_view protocol = take_word(names);
    if (protocol != take_word(line) || !protocol.ends_with(':')) {
      names = {};
      continue;
    }
    protocol.remove_suffix(1);
    for (std::string_view name = take_word(names); !name.empty(); name = take_word(names)) {
      const std::optional<std::int64_t> value = signed_number(take_word(line));
      if (value) counts.push_back({protocol, name, *value});
    }
    names = {};
  }
  return counts;
}

std::vector<ProtocolCount> parse_protocol_counts_6(std::string_view text) {
  std::vector<ProtocolCount> counts;
  for (std::string_view line : ProcLines(text)) {
    const std::string_view name = take_word(line);
    const std::optional<std::int64_t> value = signed_number(take_word(line));
    const std::size_t six = name.find('6');
    if (!value || six == std::string_view::npos || six == 0 || six + 1 == name.size()) continue;
    counts.push_back({name.substr(0, six + 1), name.substr(six + 1), *value});
  }
  return counts;
}

CollectResult collect_netstat(HostFiles& files, FamilyList& families, const NameFilter& filter) {
  const std::optional<std::string_view> netstat = files.proc("net/netstat");
  if (!netstat) return CollectResult::failed(files.error());
  const std::optional<std::string_view> snmp = files.proc("net/snmp");
  if (!snmp) return CollectResult::failed(files.error());
  add(families, parse_protocol_counts(*netstat), filter);
  add(families, parse_protocol_counts(*snmp), filter);
  // A kernel without IPv6 has no such file.
  add(families, parse_protocol_counts_6(files.proc("net/snmp6").value_or("")), filter);
  return CollectResult::done();
}

}  // namespace notch::agent
