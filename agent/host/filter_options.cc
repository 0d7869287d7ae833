#include "agent/host/filter_options.h"

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace notch::agent {
namespace {

struct FilterFlags {  // NAME-exclude and NAME-include
  const char* name;
  NamePatterns HostPatterns::*patterns;
  const char* things;
};
constexpr FilterFlags kFlags[] = {
    {"--collector.arp.device", &HostPatterns::arp_devices, "network devices of neighbours"},
    {"--collector.diskstats.device", &HostPatterns::disks, "block devices"},
    {"--collector.filesystem.fs-types", &HostPatterns::file_system_types, "types of file systems"},
    {"--collector.filesystem.mount-points", &HostPatterns::mount_points,
     "mount points of file systems"},
    {"--collector.hwmon.chip", &HostPatterns::chips, "sensor chips"},
    {"--collector.hwmon.sensor", &HostPatterns::sensors, "sensors, by CHIP;SENSOR,"},
    {"--collector.netdev.device", &HostPatterns::network_devices, "network devices"},
};

void add_pattern(CLI::App& app, const std::string& name, std::string& pattern,
                 const std::string& description) {
  app.add_option(name, pattern, description)
      ->check(CLI::Validator(NameFilter::fault, ""))
      ->type_name("REGEX")
      ->capture_default_str();
}

// The value of an option that was given.
bool is_set(const CLI::App& app, const std::string& name) {
  return app.get_option(name)->count() > 0;
}

void settle(const CLI::App& app, const FilterFlags& flags, NamePatterns& patterns) {
  const std::string exclude = std::string(flags.name) + "-exclude";
  if (patterns.include.empty()) return;
  if (!is_set(app, exclude)) patterns.exclude.clear();
  if (patterns.exclude.empty()) return;
  throw CLI::ValidationError(
      exclude, "cannot be given together with " + std::string(flags.name) + "-include");
}

}  // namespace

void add_filter_options(CLI::App& app, HostPatterns& patterns) {
  for (const FilterFlags& flags : kFlags) {
    NamePatterns& both = patterns.*flags.patterns;
    const std::string name = flags.name;
    const std::string things = flags.things;
    add_pattern(app, name + "-exclude", both.exclude,
                "Regular expression of the " + things + " that are not shown");
    add_pattern(
        app, name + "-include", both.include,
        "Regular expression of the only " + things + " that are shown, in place of -exclude");
  }
  add_pattern(app, "--collector.netclass.ignored-devices", patterns.classed_devices.exclude,
              "Regular expression of the network devices whose properties are not shown");
  add_pattern(app, "--collector.netstat.fields", patterns.protocol_counts.include,
              "Regular expression of the protocols' counts that are shown, by PROTOCOL_COUNT");
  add_pattern(app, "--collector.vmstat.fields", patterns.memory_events.include,
              "Regular expression of the fields of /proc/vmstat that are shown");
  app.parse_complete_callback([&app, &patterns] {
    for (const FilterFlags& flags : kFlags) settle(app, flags, patterns.*flags.patterns);
  });
}

}  // namespace notch::agent
