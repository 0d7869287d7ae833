#include "agent/host/hwmon.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>
#include <utility>

#include "agent/host/fields.h"
#include "agent/host/sensor_names.h"

namespace notch::agent {
namespace {

constexpr std::size_t kMostChips = 256;
constexpr double kHzPerMhz = 1e6;

// The device's name, as `platform_coretemp_0` for platform:coretemp.0; empty if the chip has no device.
std::string device_name(const std::string& folder) {
  std::error_code error;
  const std::filesystem::path device = std::filesystem::canonical(folder + "/device", error);
  if (error) return "";
  const std::string bus = clean_sensor_name(device.parent_path().filename().string());
  const std::string name = clean_sensor_name(device.filename().string());
  return bus.empty() || name.empty() ? name : bus + "_" + name;
}

std::vector<SensorChip> find_chips(HostFiles& files, FamilyList& families) {
  std::vector<SensorChip> chips;
  const std::string root = files.sys_path("class/hwmon");
  for (const std::string& name : HostFiles::names_in(root)) {
    SensorChip chip;
    chip.folder = root + "/" + name;
    const FileDescriptor at(::open(chip.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) continue;
    if (chips.size() == kMostChips) {
      families.dropped(HostDrop::kTooManyChips, 1);
      continue;
    }
    const std::size_t digits = std::min(name.find_first_of("0123456789"), name.size());
    chip.number = whole_number(std::string_view(name).substr(digits)).value_or(0);
    chip.own = clean_sensor_name(files.line_at(at.get(), "name").value_or(""));
    chip.device = device_name(chip.folder);
    if (chip.device.empty()) chip.device = chip.own.empty() ? clean_sensor_name(name) : chip.own;
    chips.push_back(std::move(chip));
  }
  return chips;
}

struct Sensor {
  std::string kind;
  std::map<std::string, std::string> properties;
};
using Sensors = std::map<std::string, Sensor>;  // by kind and number

void read_sensors(HostFiles& files, const std::string& folder, Sensors& sensors) {
  const FileDescriptor at(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return;
  for (const std::string& name : HostFiles::names_in(folder)) {
    const std::optional<SensorFile> file = parse_sensor_file(name);
    if (!file) continue;
    const std::optional<std::string_view> text = files.line_at(at.get(), name.c_str());
    if (!text) continue;
    Sensor& sensor = sensors[std::string(file->kind) + std::to_string(file->number)];
    sensor.kind = file->kind;
    sensor.properties[std::string(file->property)] = *text;
  }
}

struct Reading {
  std::string chip, sensor;
  double value = 0;
};
struct Readings {
  SensorFamily family;
  std::vector<Reading> rows;
};
using Families = std::map<std::string, Readings>;

void add(Families& families, SensorFamily family, const std::string& chip,
         const std::string& sensor, const std::string& text) {
  const std::optional<double> value = decimal_number(text);
  if (!value) return;
  Readings& readings = families[family.name];
  const double divisor = family.divisor;
  if (readings.rows.empty()) readings.family = std::move(family);
  readings.rows.push_back({chip, sensor, *value / divisor});
}

void add_sensor(Families& families, const std::string& chip, const std::string& name,
                const Sensor& sensor) {
  const auto& properties = sensor.properties;
  const auto bare = properties.find("");
  if (const auto lone = lone_family(sensor.kind)) {
    if (bare != properties.end()) add(families, *lone, chip, name, bare->second);
    return;
  }
  const auto label = properties.find("label");
  for (const auto& [property, text] : properties) {
    if (property == "label") continue;
    if (sensor.kind != "freq" || property != "input") {
      add(families, property_family(sensor.kind, property, bare != properties.end()), chip, name,
          text);
    } else if (label != properties.end()) {
      add(families, {"hwmon_freq_freq_mhz", "Hardware monitor for GPU frequency in MHz", kHzPerMhz},
          chip, clean_sensor_name(label->second), text);
    }
  }
}

void emit(FamilyList& families, const Families& found) {
  for (const auto& [name, readings] : found) {
    families.begin(readings.family.type, name, readings.family.help);
    for (const Reading& row : readings.rows) {
      families.add(row.value, {{"chip", row.chip}, {"sensor", row.sensor}});
    }
  }
}

}  // namespace

HwmonCollector::HwmonCollector(const HostOptions& options)
    : chips_(options.patterns.chips), sensors_(options.patterns.sensors) {}

CollectResult HwmonCollector::collect(HostFiles& files, FamilyList& families) {
  const std::vector<SensorChip> chips = find_chips(files, families);
  if (chips.empty()) return CollectResult::no_data();
  const std::vector<std::string> names = chip_names(chips);
  Families found;
  std::vector<std::pair<std::string, std::string>> own_names;
  std::vector<std::tuple<std::string, std::string, std::string>> labels;
  for (std::size_t i = 0; i < chips.size(); ++i) {
    if (chips_.hides(names[i])) continue;
    if (!chips[i].own.empty()) own_names.emplace_back(names[i], chips[i].own);
    Sensors sensors;
    read_sensors(files, chips[i].folder, sensors);
    read_sensors(files, chips[i].folder + "/device", sensors);
    for (const auto& [name, sensor] : sensors) {
      if (sensors_.hides(names[i] + ";" + name)) continue;
      const auto label = sensor.properties.find("label");
      if (label != sensor.properties.end()) labels.emplace_back(names[i], label->second, name);
      add_sensor(found, names[i], name, sensor);
    }
  }
  emit(families, found);
  families.begin(MetricType::kGauge, "hwmon_chip_names",
                 "Annotation metric for human-readable chip names");
  for (const auto& [chip, own] : own_names) families.add(1, {{"chip", chip}, {"chip_name", own}});
  families.begin(MetricType::kGauge, "hwmon_sensor_label", "Label for given chip and sensor");
  for (const auto& [chip, label, sensor] : labels) {
    families.add(1, {{"chip", chip}, {"label", label}, {"sensor", sensor}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
