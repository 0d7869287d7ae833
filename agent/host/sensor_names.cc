#include "agent/host/sensor_names.h"

#include <algorithm>

#include "agent/host/fields.h"

namespace notch::agent {
namespace {

constexpr std::size_t kMostDigits = 9;
constexpr double kMilli = 1e3;  // of these make one
constexpr double kMicro = 1e6;

struct SensorUnit {
  std::string_view kind;
  std::string_view suffix;
  std::string_view words;
  double divisor;
};
constexpr SensorUnit kUnits[] = {
    {"in", "_volts", "voltage", kMilli},
    {"cpu", "_volts", "voltage", kMilli},
    {"temp", "_celsius", "temperature", kMilli},
    {"curr", "_amps", "current", kMilli},
    {"energy", "_joule_total", "joules used so far", kMicro},
    {"power", "_watt", "power usage in watts", kMicro},
    {"humidity", "",
     "humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)", kMicro},
    {"fan", "_rpm", "fan revolutions per minute", 1},
};

}  // namespace

std::string clean_sensor_name(std::string_view text) {
  std::string clean;
  for (char c : text) {
    c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':';
    clean += kept ? c : '_';
  }
  clean.erase(0, std::min(clean.find_first_not_of('_'), clean.size()));
  clean.erase(clean.find_last_not_of('_') + 1);
  return clean;
}

std::optional<SensorFile> parse_sensor_file(std::string_view name) {
  constexpr std::string_view kKinds[] = {
      "beep_enable", "cpu", "curr", "energy",          "fan", "freq", "humidity", "in", "intrusion",
      "power",       "pwm", "temp", "update_interval", "vrm"};
  constexpr std::string_view kDigits = "0123456789";
  SensorFile file;
  file.kind = name.substr(0, name.find_first_of(kDigits));
  if (std::ranges::find(kKinds, file.kind) == std::end(kKinds)) return std::nullopt;
  name.remove_prefix(file.kind.size());
  const std::string_view digits = name.substr(0, name.find_first_not_of(kDigits));
  if (digits.size() > kMostDigits) return std::nullopt;
  file.number = static_cast<std::uint32_t>(whole_number(digits).value_or(0));
  name.remove_prefix(digits.size());
  if (name.empty()) return file;
  if (name.front() != '_' || name.size() == 1) return std::nullopt;
  file.property = name.substr(1);
  return file;
}

std::optional<SensorFamily> lone_family(std::string_view kind) {
  if (kind == "beep_enable") return {{"hwmon_beep_enabled", "Hardware beep enabled"}};
  if (kind == "vrm") return {{"hwmon_voltage_regulator_version", "Hardware voltage regulator"}};
  if (kind == "update_interval") {
    return {{"hwmon_update_interval_seconds", "Hardware monitor update interval", kMilli}};
  }
  return std::nullopt;
}

SensorFamily property_family(const std::string& kind, const std::string& property, bool is_beside) {
  std::string name = "hwmon_" + kind;
  if (property != "input" && !property.empty()) name += "_" + clean_sensor_name(property);
  if (property == "input" && is_beside) name += "_input";
  if (property == "fault" || property == "alarm") {
    return {name, "Hardware sensor " + property + " status (" + kind + ")"};
  }
  if (property == "beep") {
    return {name + "_enabled", "Hardware monitor sensor has beeping enabled"};
  }
  if (kind == "power" && property == "accuracy") {
    return {name, "Hardware monitor power meter accuracy, as a ratio", kMicro};
  }
  if (kind == "power" && property.starts_with("average_interval")) {
    return {name + "_seconds", "Hardware monitor power usage update interval (" + property + ")",
            kMilli};
  }
  const auto* const unit = std::ranges::find(kUnits, kind, &SensorUnit::kind);
  const bool counts_turns =
      property == "input" || property == "min" || property == "max" || property == "target";
  if (unit == std::end(kUnits) || (kind == "temp" && property == "type") ||
      (kind == "fan" && !counts_turns)) {
    return {name, "Hardware monitor " + kind + " element " + property};
  }
  const std::string told = kind == "temp" && property.empty() ? "input" : property;
  return {name.append(unit->suffix),
          "Hardware monitor for " + std::string(unit->words) + " (" + told + ")", unit->divisor,
          kind == "energy" ? MetricType::kCounter : MetricType::kGauge};
}

std::vector<std::string> chip_names(const std::vector<SensorChip>& chips) {
  std::vector<std::string> names;
  for (const SensorChip& chip : chips) {
    std::size_t of_device = 0;
    std::size_t of_name = 0;
    std::size_t place = 1;
    for (const SensorChip& other : chips) {
      if (other.device != chip.device) continue;
      ++of_device;
      if (other.own != chip.own) continue;
      ++of_name;
      if (other.number < chip.number) ++place;
    }
    std::string name = chip.device;
    if (of_device > 1 && !chip.own.empty() && chip.own != chip.device) name += "_" + chip.own;
    if (of_name > 1) name += "_" + std::to_string(place);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace notch::agent
