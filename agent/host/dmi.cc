#include "agent/host/dmi.h"

#include <fcntl.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

struct DmiFile {
  const char* file;
  const char* label;
};
constexpr DmiFile kFiles[] = {
    {"bios_date", "bios_date"},
    {"bios_release", "bios_release"},
    {"bios_vendor", "bios_vendor"},
    {"bios_version", "bios_version"},
    {"board_asset_tag", "board_asset_tag"},
    {"board_name", "board_name"},
    {"board_serial", "board_serial"},
    {"board_vendor", "board_vendor"},
    {"board_version", "board_version"},
    {"chassis_asset_tag", "chassis_asset_tag"},
    {"chassis_serial", "chassis_serial"},
    {"chassis_vendor", "chassis_vendor"},
    {"chassis_version", "chassis_version"},
    {"product_family", "product_family"},
    {"product_name", "product_name"},
    {"product_serial", "product_serial"},
    {"product_sku", "product_sku"},
    {"product_uuid", "product_uuid"},
    {"product_version", "product_version"},
    {"sys_vendor", "system_vendor"},
};

}  // namespace

CollectResult collect_dmi(HostFiles& files, FamilyList& families) {
  const std::string folder = files.sys_path("class/dmi/id");
  const FileDescriptor at(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return CollectResult::no_data();
  std::vector<std::string> values;
  for (const DmiFile& file : kFiles) {
    values.emplace_back(files.line_at(at.get(), file.file).value_or(""));  // serials are root's
  }
  std::vector<HostLabel> labels;
  std::string names;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty()) continue;
    labels.push_back({kFiles[i].label, values[i]});
    names.append(names.empty() ? "" : ", ").append(kFiles[i].label);
  }
  families.begin(MetricType::kGauge, "dmi_info",
                 "A metric with a constant '1' value labeled by " + names + " if provided by DMI.");
  families.add(1, labels);
  return CollectResult::done();
}

}  // namespace notch::agent
