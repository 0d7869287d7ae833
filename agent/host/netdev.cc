#include "agent/host/netdev.h"

#include <fcntl.h>

#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr std::string_view kNames[DeviceTraffic::kNumbers] = {
    "receive_bytes",  "receive_packets",  "receive_errs",       "receive_drop",
    "receive_fifo",   "receive_frame",    "receive_compressed", "receive_multicast",
    "transmit_bytes", "transmit_packets", "transmit_errs",      "transmit_drop",
    "transmit_fifo",  "transmit_colls",   "transmit_carrier",   "transmit_compressed",
};

void begin(FamilyList& families, std::string_view name) {
  families.begin(MetricType::kCounter, "network_" + std::string(name) + "_total",
                 "Network device statistic " + std::string(name) + ".");
}

}  // namespace

std::vector<DeviceTraffic> parse_net_dev(std::string_view text) {
  std::vector<DeviceTraffic> devices;
  for (std::string_view line : ProcLines(text)) {
    // A name may hold a colon, a number none.
    const std::size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line.substr(0, colon);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    line.remove_prefix(colon + 1);
    DeviceTraffic device;
    device.device = name;
    bool whole = !name.empty();
    for (std::uint64_t& number : device.numbers) {
      const std::optional<std::uint64_t> value = whole_number(take_word(line));
      whole = whole && value.has_value();
      number = value.value_or(0);
    }
    if (whole) devices.push_back(device);
  }
  return devices;
}

CollectResult collect_netdev(HostFiles& files, FamilyList& families, const NameFilter& filter) {
  const std::optional<std::string_view> text = files.proc("net/dev");
  if (!text) return CollectResult::failed(files.error());
  std::vector<DeviceTraffic> devices = parse_net_dev(*text);
  std::erase_if(devices, [&](const DeviceTraffic& device) { return filter.hides(device.device); });
  for (std::size_t i = 0; i < DeviceTraffic::kNumbers; ++i) {
    begin(families, kNames[i]);
    for (const DeviceTraffic& device : devices) {
      families.add(static_cast<double>(device.numbers[i]), {{"device", device.device}});
    }
  }
  // The one number that /proc/net/dev lacks.
  begin(families, "receive_nohandler");
  for (const DeviceTraffic& device : devices) {
    const std::string path =
        files.sys_path("class/net/" + std::string(device.device) + "/statistics/rx_nohandler");
    const std::optional<double> value = files.number_at(AT_FDCWD, path.c_str());
    if (value) families.add(*value, {{"device", device.device}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
