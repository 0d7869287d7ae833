// Sensors: temperatures, fans, voltages, currents, power. Called by: collector_table.
#pragma once

#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

// A file's name as temp1_input is a kind, a number and what is told of it.
struct SensorFile {
  std::string_view kind;
  std::string_view number;
  std::string_view property;
};
std::optional<SensorFile> parse_sensor_file(std::string_view name);

CollectResult collect_hwmon(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
