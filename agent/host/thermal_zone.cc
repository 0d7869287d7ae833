#include "agent/host/thermal_zone.h"

#include <fcntl.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

struct Zone {
  std::string number, type;
  double millidegrees = 0;
};
struct Cooler {
  std::string number, type;
  double now = 0;
  double most = 0;
};
constexpr std::string_view kZone = "thermal_zone";
constexpr std::string_view kCooler = "cooling_device";

}  // namespace

CollectResult collect_thermal_zone(HostFiles& files, FamilyList& families) {
  std::vector<Zone> zones;
  std::vector<Cooler> coolers;
  const std::string folder = files.sys_path("class/thermal");
  for (const std::string& name : HostFiles::names_in(folder)) {
    const FileDescriptor at(
        ::open((folder + "/" + name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) continue;
    const std::string type(files.line_at(at.get(), "type").value_or(""));
    if (name.starts_with(kZone)) {
      const auto millidegrees = files.number_at(at.get(), "temp");  // none if the sensor is off
      if (millidegrees) zones.push_back({name.substr(kZone.size()), type, *millidegrees});
    } else if (name.starts_with(kCooler)) {
      const auto now = files.number_at(at.get(), "cur_state");
      const auto most = files.number_at(at.get(), "max_state");
      if (now && most) coolers.push_back({name.substr(kCooler.size()), type, *now, *most});
    }
  }
  families.begin(MetricType::kGauge, "thermal_zone_temp", "Zone temperature in Celsius");
  for (const Zone& zone : zones) {
    families.add(zone.millidegrees / 1000, {{"type", zone.type}, {"zone", zone.number}});
  }
  families.begin(MetricType::kGauge, "cooling_device_cur_state",
                 "Current throttle state of the cooling device");
  for (const Cooler& cooler : coolers) {
    families.add(cooler.now, {{"name", cooler.number}, {"type", cooler.type}});
  }
  families.begin(MetricType::kGauge, "cooling_device_max_state",
                 "Maximum throttle state of the cooling device");
  for (const Cooler& cooler : coolers) {
    families.add(cooler.most, {{"name", cooler.number}, {"type", cooler.type}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
