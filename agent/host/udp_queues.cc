#include "agent/host/udp_queues.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr int kFieldsBefore = 4;  // number, two addresses, state
constexpr int kHexadecimal = 16;

}  // namespace

UdpQueues parse_udp_queues(std::string_view text) {
  UdpQueues sums;
  for (std::string_view line : ProcLines(text)) {
    for (int field = 0; field < kFieldsBefore; ++field) take_word(line);
    const std::string_view both = take_word(line);
    const std::size_t colon = both.find(':');
    if (colon == std::string_view::npos) continue;
    const auto sending = whole_number(both.substr(0, colon), kHexadecimal);
    const auto receiving = whole_number(both.substr(colon + 1), kHexadecimal);
    if (!sending || !receiving) continue;
    sums.sending_bytes += *sending;
    sums.receiving_bytes += *receiving;
  }
  return sums;
}

CollectResult collect_udp_queues(HostFiles& files, FamilyList& families) {
  families.begin(MetricType::kGauge, "udp_queues",
                 "Number of allocated memory in the kernel for UDP datagrams in bytes.");
  bool found = false;
  for (const auto& [file, ip] : {std::pair{"net/udp", "v4"}, std::pair{"net/udp6", "v6"}}) {
    const std::optional<std::string_view> text = files.proc(file);
    if (!text) continue;
    found = true;
    const UdpQueues sums = parse_udp_queues(*text);
    families.add(static_cast<double>(sums.sending_bytes), {{"ip", ip}, {"queue", "tx"}});
    families.add(static_cast<double>(sums.receiving_bytes), {{"ip", ip}, {"queue", "rx"}});
  }
  return found ? CollectResult::done() : CollectResult::failed(files.error());
}

}  // namespace notch::agent
