#include "agent/host/time.h"

#include <ctime>
#include <string>
#include <vector>

#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr std::string_view kFolder = "devices/system/clocksource";
constexpr std::string_view kDevice = "clocksource";

struct ClockSources {
  std::string device;  // its number
  std::vector<std::string> available;
  std::string current;
};

std::vector<ClockSources> read_clock_sources(HostFiles& files) {
  std::vector<ClockSources> devices;
  const std::string folder = files.sys_path(kFolder);
  for (const std::string& name : HostFiles::names_in(folder)) {
    if (!name.starts_with(kDevice)) continue;
    ClockSources& device = devices.emplace_back();
    device.device = name.substr(kDevice.size());
    std::string_view rest =
        files.line_of(folder + "/" + name + "/available_clocksource").value_or("");
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      device.available.emplace_back(word);
    }
    device.current = files.line_of(folder + "/" + name + "/current_clocksource").value_or("");
  }
  return devices;
}

}  // namespace

CollectResult collect_time(HostFiles& files, FamilyList& families) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  ::localtime_r(&now.tv_sec, &local);
  families.gauge("time_seconds", "System time in seconds since epoch (1970).",
                 static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9);
  families.begin(MetricType::kGauge, "time_zone_offset_seconds",
                 "System time zone offset in seconds.");
  families.add(static_cast<double>(local.tm_gmtoff), {{"time_zone", local.tm_zone}});
  const std::vector<ClockSources> devices = read_clock_sources(files);
  families.begin(MetricType::kGauge, "time_clocksource_available_info",
                 "Available clocksources read from '/sys/devices/system/clocksource'.");
  for (const ClockSources& device : devices) {
    for (const std::string& source : device.available) {
      families.add(1, {{"clocksource", source}, {"device", device.device}});
    }
  }
  families.begin(MetricType::kGauge, "time_clocksource_current_info",
                 "Current clocksource read from '/sys/devices/system/clocksource'.");
  for (const ClockSources& device : devices) {
    if (device.current.empty()) continue;
    families.add(1, {{"clocksource", device.current}, {"device", device.device}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
