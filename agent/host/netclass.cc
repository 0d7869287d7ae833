#include "agent/host/netclass.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

namespace notch::agent {
namespace {

struct Property {
  const char* file;
  MetricType type;
  std::string_view name;
  double scale;
};
constexpr double kBytesPerMbit = 1e6 / 8;
constexpr Property kProperties[] = {
    {"addr_assign_type", MetricType::kGauge, "address_assign_type", 1},
    {"carrier", MetricType::kGauge, "carrier", 1},
    {"carrier_changes", MetricType::kCounter, "carrier_changes_total", 1},
    {"carrier_down_count", MetricType::kCounter, "carrier_down_changes_total", 1},
    {"carrier_up_count", MetricType::kCounter, "carrier_up_changes_total", 1},
    {"dev_id", MetricType::kGauge, "device_id", 1},
    {"dormant", MetricType::kGauge, "dormant", 1},
    {"flags", MetricType::kGauge, "flags", 1},
    {"ifindex", MetricType::kGauge, "iface_id", 1},
    {"iflink", MetricType::kGauge, "iface_link", 1},
    {"link_mode", MetricType::kGauge, "iface_link_mode", 1},
    {"mtu", MetricType::kGauge, "mtu_bytes", 1},
    {"name_assign_type", MetricType::kGauge, "name_assign_type", 1},
    {"netdev_group", MetricType::kGauge, "net_dev_group", 1},
    {"speed", MetricType::kGauge, "speed_bytes", kBytesPerMbit},
    {"tx_queue_len", MetricType::kGauge, "transmit_queue_length", 1},
    {"type", MetricType::kGauge, "protocol_type", 1},
};
constexpr auto kFlags = static_cast<std::size_t>(
    std::ranges::find(kProperties, std::string_view("flags"), &Property::file) -
    std::begin(kProperties));
constexpr std::size_t kMostDevices = 1000;
constexpr std::size_t kMostKept = 16;  // of each two dozen files stay open

struct Device {
  std::string name;
  std::array<std::optional<double>, std::size(kProperties)> properties;
  std::string address, broadcast, duplex, ifalias, operstate;
};

Device read_device(HostFiles& files, KeptFolder& folder, const std::string& name) {
  Device device;
  device.name = name;
  std::size_t index = 0;
  // Reading a property that the device does not have (the speed of one that is down) is an error.
  for (const Property& property : kProperties) {
    device.properties[index] = files.number_in(folder.file(index, property.file));
    ++index;
  }
  const auto text = [&](const char* file) {
    return std::string(files.line_in(folder.file(index++, file)).value_or(""));
  };
  device.address = text("address");
  device.broadcast = text("broadcast");
  device.duplex = text("duplex");
  device.ifalias = text("ifalias");
  device.operstate = text("operstate");
  return device;
}

// The administrator's setting of the device: up or down.
std::string_view admin_state(const Device& device) {
  const std::optional<double>& flags = device.properties[kFlags];
  if (!flags) return "unknown";
  return (static_cast<std::uint64_t>(*flags) & IFF_UP) != 0 ? "up" : "down";
}

}  // namespace

CollectResult NetclassCollector::collect(HostFiles& files, FamilyList& families) {
  const std::string folder = files.sys_path("class/net");
  std::vector<Device> devices;
  const std::vector<std::string> names = HostFiles::names_in(folder);
  std::erase_if(kept_, [there = std::set(names.begin(), names.end())](const auto& kept) {
    return !there.contains(kept.first);
  });
  for (const std::string& name : names) {
    if (filter_.hides(name)) continue;
    if (devices.size() == kMostDevices) {
      families.dropped(HostDrop::kTooManyDevices, 1);
      continue;
    }
    KeptFolder brief;
    KeptFolder& at = kept_.contains(name) || kept_.size() < kMostKept ? kept_[name] : brief;
    if (!at.follow(folder + "/" + name)) continue;
    Device device = read_device(files, at, name);
    // bonding_masters stands among the devices and is none.
    if (!device.operstate.empty()) devices.push_back(std::move(device));
  }
  if (devices.empty()) return CollectResult::no_data();
  for (std::size_t i = 0; i < std::size(kProperties); ++i) {
    const Property& property = kProperties[i];
    families.begin(property.type, "network_" + std::string(property.name),
                   "Network device property: " + std::string(property.name));
    for (const Device& device : devices) {
      const std::optional<double>& value = device.properties[i];
      if (value) families.add(*value * property.scale, {{"device", device.name}});
    }
  }
  families.begin(MetricType::kGauge, "network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
  for (const Device& device : devices) {
    families.add(device.operstate == "up" ? 1 : 0, {{"device", device.name}});
  }
  families.begin(MetricType::kGauge, "network_info",
                 "Non-numeric data from /sys/class/net/<iface>, value is always 1.");
  for (const Device& device : devices) {
    families.add(1, {{"address", device.address},
                     {"adminstate", admin_state(device)},
                     {"broadcast", device.broadcast},
                     {"device", device.name},
                     {"duplex", device.duplex},
                     {"ifalias", device.ifalias},
                     {"operstate", device.operstate}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
