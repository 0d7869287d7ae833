#include "agent/host/softnet.h"

#include <array>
#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

// The fields of a line. Those between are no longer used.
constexpr std::size_t kCpuField = 12;
constexpr std::size_t kFewestFields = 3;
struct PacketField {
  std::size_t place;
  std::optional<std::uint64_t> CpuPackets::*value;
  MetricType type;
  std::string_view name;
  std::string_view help;
};
constexpr PacketField kFields[] = {
    {0, &CpuPackets::processed, MetricType::kCounter, "softnet_processed_total",
     "Number of processed packets"},
    {1, &CpuPackets::dropped, MetricType::kCounter, "softnet_dropped_total",
     "Number of dropped packets"},
    {2, &CpuPackets::squeezed, MetricType::kCounter, "softnet_times_squeezed_total",
     "Number of times processing packets ran out of quota"},
    {8, &CpuPackets::collisions, MetricType::kCounter, "softnet_cpu_collision_total",
     "Number of collision occur while obtaining device lock while transmitting"},
    {9, &CpuPackets::steered, MetricType::kCounter, "softnet_received_rps_total",
     "Number of times cpu woken up received_rps"},
    {10, &CpuPackets::flow_limited, MetricType::kCounter, "softnet_flow_limit_count_total",
     "Number of times flow limit has been reached"},
    {11, &CpuPackets::waiting, MetricType::kGauge, "softnet_backlog_len", "Softnet backlog status"},
};
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
    CpuPackets cpu;
    cpu.cpu = count > kCpuField ? fields[kCpuField] : cpus.size();
    for (const PacketField& field : kFields) {
      if (field.place < count) cpu.*field.value = fields[field.place];
    }
    cpus.push_back(cpu);
  }
  return cpus;
}

CollectResult collect_softnet(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("net/softnet_stat");
  if (!text) return CollectResult::failed(files.error());
  const std::vector<CpuPackets> cpus = parse_softnet(*text);
  for (const PacketField& field : kFields) {
    families.begin(field.type, field.name, field.help);
    for (const CpuPackets& cpu : cpus) {
      const std::optional<std::uint64_t>& value = cpu.*field.value;
      if (value) families.add(static_cast<double>(*value), {{"cpu", std::to_string(cpu.cpu)}});
    }
  }
  return CollectResult::done();
}

}  // namespace notch::agent
