#include "agent/host/os.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {

std::map<std::string, std::string, std::less<>> parse_os_release(std::string_view text) {
  std::map<std::string, std::string, std::less<>> values;
  for (const std::string_view line : ProcLines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#')) continue;
    std::string_view value = line.substr(equals + 1);
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                        value.back() == value.front();
    if (quoted) value = value.substr(1, value.size() - 2);
    std::string plain;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (quoted && value[i] == '\\' && i + 1 < value.size()) ++i;
      plain += value[i];
    }
    values[std::string(line.substr(0, equals))] = std::move(plain);
  }
  return values;
}

std::optional<double> leading_version(std::string_view version) {
  std::size_t end = version.find_first_not_of("0123456789");
  if (end == 0 || version.empty()) return std::nullopt;
  if (end != std::string_view::npos && version[end] == '.') {
    end = version.find_first_not_of("0123456789", end + 1);
  }
  version = version.substr(0, end);
  if (version.ends_with('.')) version.remove_suffix(1);
  return decimal_number(version);
}

CollectResult collect_os(HostFiles& files, FamilyList& families) {
  std::string text(files.line_of(files.root_path("etc/os-release")).value_or(""));
  if (text.empty()) text = files.line_of(files.root_path("usr/lib/os-release")).value_or("");
  if (text.empty()) {
    return files.missing() ? CollectResult::no_data() : CollectResult::failed(files.error());
  }
  auto values = parse_os_release(text);
  families.begin(MetricType::kGauge, "os_info",
                 "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, "
                 "image_version, name, pretty_name, variant, variant_id, version, "
                 "version_codename, version_id.");
  families.add(1, {{"build_id", values["BUILD_ID"]},
                   {"id", values["ID"]},
                   {"id_like", values["ID_LIKE"]},
                   {"image_id", values["IMAGE_ID"]},
                   {"image_version", values["IMAGE_VERSION"]},
                   {"name", values["NAME"]},
                   {"pretty_name", values["PRETTY_NAME"]},
                   {"variant", values["VARIANT"]},
                   {"variant_id", values["VARIANT_ID"]},
                   {"version", values["VERSION"]},
                   {"version_codename", values["VERSION_CODENAME"]},
                   {"version_id", values["VERSION_ID"]}});
  const std::optional<double> version = leading_version(values["VERSION_ID"]);
  families.begin(MetricType::kGauge, "os_version",
                 "Metric containing the major.minor part of the OS version.");
  if (version) {
    families.add(*version,
                 {{"id", values["ID"]}, {"id_like", values["ID_LIKE"]}, {"name", values["NAME"]}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
