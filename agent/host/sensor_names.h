// The names of sensors and their chips on a page. Called by: hwmon.
//
// Invariants
//   SE1  A chip's name follows from what it is part of and from what it calls itself, not from the
//        number that the kernel gave it at this boot.
//   SE2  Families and units are node_exporter's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/snapshot.h"

namespace notch::agent {

// In lower case, with _ for what no metric's name may hold, and none at the ends.
std::string clean_sensor_name(std::string_view text);

// A file's name: a kind, a number where there are several, and what is told of it: temp1_input, pwm2,
// update_interval.
struct SensorFile {
  std::string_view kind;
  std::uint32_t number = 0;
  std::string_view property;  // empty: the thing itself
};
// Nothing of a name that is no sensor's.
std::optional<SensorFile> parse_sensor_file(std::string_view name);

struct SensorChip {
  std::string folder;        // its path
  std::uint64_t number = 0;  // of the folder, hwmonNUMBER
  std::string
      device;  // the bus and the device that it is part of; else what it calls itself, else the folder's name
  std::string own;  // what it calls itself; may be empty
};
// The chips' names as pages show them, in the order of `chips`. Several of one device have what they call
// themselves behind the device's name, and several of one name the place they have among those.
std::vector<std::string> chip_names(const std::vector<SensorChip>& chips);

struct SensorFamily {
  std::string name;  // without the prefix
  std::string help;
  double divisor = 1;  // of the kernel's number
  MetricType type = MetricType::kGauge;
};
// The name for a value that a chip has once, in a file without a property: update_interval and its like.
std::optional<SensorFamily> lone_family(std::string_view kind);
// The name for a property of a sensor. `is_beside`: the sensor also has a value without a property's
// name.
SensorFamily property_family(const std::string& kind, const std::string& property, bool is_beside);

}  // namespace notch::agent
