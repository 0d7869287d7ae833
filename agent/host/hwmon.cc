#include "agent/host/hwmon.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <vector>

namespace notch::agent {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::size_t kMostChips = 256;

// What each kind is measured in, and how many of the file's units make one.
struct SensorKind {
  std::string_view kind;
  std::string_view unit;  // as a name ends; empty: as it is
  double scale;
};
constexpr SensorKind kKinds[] = {
    {"temp", "celsius", 1e-3}, {"in", "volts", 1e-3},     {"curr", "amps", 1e-3}, {"fan", "rpm", 1},
    {"power", "watt", 1e-6},   {"energy", "joule", 1e-6}, {"humidity", "", 1e-6},
};
// Of these properties values are in the sensor's unit; alarms are not.
constexpr std::string_view kMeasures[] = {"input", "min", "max", "crit", "average"};

struct Reading {
  std::string chip, sensor;
  double value = 0;
};

const SensorKind* kind_of(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &SensorKind::kind);
  return found == std::end(kKinds) ? nullptr : found;
}

std::string plain(std::string text) {
  for (char& c : text) {
    c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!kept && c != ':') c = '_';
  }
  return text;
}

// `platform_coretemp_0` of the device platform:coretemp.0; without a device what the chip calls
// itself, and without that the folder's name.
std::string chip_name(const std::string& folder, const std::string& name, const std::string& own) {
  std::error_code error;
  const std::filesystem::path device =
      std::filesystem::canonical(folder + "/" + name + "/device", error);
  if (error) return own.empty() ? name : plain(own);
  return plain(device.parent_path().filename().string() + "_" + device.filename().string());
}

}  // namespace

std::optional<SensorFile> parse_sensor_file(std::string_view name) {
  const std::size_t digits = name.find_first_of(kDigits);
  if (digits == std::string_view::npos || digits == 0) return std::nullopt;
  const std::size_t behind = name.find_first_not_of(kDigits, digits);
  if (behind == std::string_view::npos || name[behind] != '_' || behind + 1 == name.size()) {
    return std::nullopt;
  }
  return SensorFile{name.substr(0, digits), name.substr(digits, behind - digits),
                    name.substr(behind + 1)};
}

CollectResult collect_hwmon(HostFiles& files, FamilyList& families) {
  const std::string folder = files.sys_path("class/hwmon");
  std::map<std::string, std::vector<Reading>> readings;  // by family
  std::vector<std::pair<std::string, std::string>> chips;
  for (const std::string& name : HostFiles::names_in(folder)) {
    const std::string path = folder + "/" + name;
    const FileDescriptor at(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) continue;
    if (chips.size() == kMostChips) {
      families.dropped(HostDrop::kTooManyChips, 1);
      continue;
    }
    const std::string own(files.line_at(at.get(), "name").value_or(""));
    std::string chip = chip_name(folder, name, own);
    // Two that call themselves the same are told apart by their folders.
    if (std::ranges::find(chips, chip, &std::pair<std::string, std::string>::first) != chips.end())
      chip = name;
    chips.emplace_back(chip, own);
    for (const std::string& file : HostFiles::names_in(path)) {
      const std::optional<SensorFile> sensor = parse_sensor_file(file);
      const SensorKind* const kind = sensor ? kind_of(sensor->kind) : nullptr;
      if (kind == nullptr) continue;
      if (std::ranges::find(kMeasures, sensor->property) == std::end(kMeasures)) continue;
      const std::optional<double> value = files.number_at(at.get(), file.c_str());
      if (!value) continue;
      std::string family = "hwmon_" + std::string(kind->kind);
      if (sensor->property != "input") family.append("_").append(sensor->property);
      if (!kind->unit.empty()) family.append("_").append(kind->unit);
      if (kind->kind == "energy" && sensor->property == "input") family += "_total";
      readings[family].push_back(
          {chip, std::string(sensor->kind) + std::string(sensor->number), *value * kind->scale});
    }
  }
  if (chips.empty()) return CollectResult::no_data();
  for (const auto& [family, rows] : readings) {
    families.begin(family.ends_with("_total") ? MetricType::kCounter : MetricType::kGauge, family,
                   "Hardware monitor for " + family.substr(6) + ".");
    for (const Reading& row : rows) {
      families.add(row.value, {{"chip", row.chip}, {"sensor", row.sensor}});
    }
  }
  families.begin(MetricType::kGauge, "hwmon_chip_names",
                 "Annotation metric for human-readable chip names");
  for (const auto& [chip, name] : chips) families.add(1, {{"chip", chip}, {"chip_name", name}});
  return CollectResult::done();
}

}  // namespace notch::agent
