#include "agent/host/arp.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr int kFieldsBefore = 5;  // address, two kinds, hardware address, mask

}  // namespace

std::map<std::string, std::uint64_t, std::less<>> parse_arp(std::string_view text) {
  std::map<std::string, std::uint64_t, std::less<>> entries;
  bool heading = true;
  for (std::string_view line : ProcLines(text)) {
    if (std::exchange(heading, false)) continue;
    for (int field = 0; field < kFieldsBefore; ++field) take_word(line);
    const std::string_view device = take_word(line);
    if (!device.empty()) ++entries[std::string(device)];
  }
  return entries;
}

CollectResult collect_arp(HostFiles& files, FamilyList& families, const NameFilter& filter) {
  const std::optional<std::string_view> text = files.proc("net/arp");
  if (!text) return CollectResult::failed(files.error());
  families.begin(MetricType::kGauge, "arp_entries", "ARP entries by device");
  for (const auto& [device, count] : parse_arp(*text)) {
    if (filter.hides(device)) continue;
    families.add(static_cast<double>(count), {{"device", device}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
