#include "agent/host/sockstat.h"

#include <unistd.h>

#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

void add(FamilyList& families, const SocketCount& count) {
  const std::string protocol(count.protocol);
  const std::string state(count.state);
  if (protocol == "sockets" && state == "used") {
    families.gauge("sockstat_sockets_used", "Number of IPv4 sockets in use.",
                   static_cast<double>(count.count));
    return;
  }
  const auto gauge = [&](const std::string& word, double value) {
    families.gauge("sockstat_" + protocol + "_" + word,
                   "Number of " + protocol + " sockets in state " + word + ".", value);
  };
  gauge(state, static_cast<double>(count.count));
  if (state == "mem") {  // in pages
    gauge("mem_bytes",
          static_cast<double>(count.count) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
}

}  // namespace

std::vector<SocketCount> parse_sockstat(std::string_view text) {
  std::vector<SocketCount> counts;
  for (std::string_view line : ProcLines(text)) {
    std::string_view protocol = take_word(line);
    if (!protocol.ends_with(':')) continue;
    protocol.remove_suffix(1);
    for (std::string_view state = take_word(line); !state.empty(); state = take_word(line)) {
      const std::optional<std::uint64_t> count = whole_number(take_word(line));
      if (!count) break;
      counts.push_back({protocol, state, *count});
    }
  }
  return counts;
}

CollectResult collect_sockstat(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("net/sockstat");
  if (!text) return CollectResult::failed(files.error());
  for (const SocketCount& count : parse_sockstat(*text)) add(families, count);
  const std::string_view text_6 = files.proc("net/sockstat6").value_or("");
  for (const SocketCount& count : parse_sockstat(text_6)) add(families, count);
  return CollectResult::done();
}

}  // namespace notch::agent
