#include "agent/host/softnet.h"

#include <array>
#include <string>

#include "agent/host/fields.h"
#include "agent/proc_text.h"

namespace notch::agent {
namespace {

constexpr std::size_t kCpuField = 12;
constexpr std::size_t kFewestFields = 3;
constexpr int kHexadecimal = 16;

}  // namespace

std::vector<CpuPackets> parse_softnet(std::string_view text) {
  std::vector<CpuPackets> cpus;
  for (std::string_view line : ProcLines(text)) {
    std::array<std::uint64_t, kCpuField + 1> fields{};
    std::size_t count = 0;
    while (count < fields.size()) {
      const auto value = whole_number(take_word(line), kHexadecimal);
      if (!value) break;
      fields[count++] = *value;
    }
    if (count < kFewestFields) continue;
    const std::uint64_t cpu = count > kCpuField ? fields[kCpuField] : cpus.size();
    cpus.push_back({cpu, fields[0], fields[1], fields[2]});
  }
  return cpus;
}

CollectResult collect_softnet(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("net/softnet_stat");
  if (!text) return CollectResult::failed(files.error());
  const std::vector<CpuPackets> cpus = parse_softnet(*text);
  const auto add = [&](std::string_view name, std::string_view help,
                       std::uint64_t CpuPackets::*value) {
    families.begin(MetricType::kCounter, name, help);
    for (const CpuPackets& cpu : cpus) {
      families.add(static_cast<double>(cpu.*value), {{"cpu", std::to_string(cpu.cpu)}});
    }
  };
  add("softnet_processed_total", "Number of processed packets", &CpuPackets::processed);
  add("softnet_dropped_total", "Number of dropped packets", &CpuPackets::dropped);
  add("softnet_times_squeezed_total", "Number of times processing packets ran out of quota",
      &CpuPackets::squeezed);
  return CollectResult::done();
}

}  // namespace notch::agent
