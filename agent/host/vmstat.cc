#include "agent/host/vmstat.h"

#include <string>

#include "agent/host/fields.h"
#include "agent/proc_text.h"

namespace notch::agent {

bool is_shown_vmstat(std::string_view field) {
  if (field.starts_with("oom_kill") || field.starts_with("pgpg") || field.starts_with("pswp")) {
    return true;
  }
  return field.starts_with("pg") && field.find("fault", 2) != std::string_view::npos;
}

CollectResult collect_vmstat(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("vmstat");
  if (!text) return CollectResult::failed(files.error());
  std::size_t found = 0;
  for (std::string_view line : ProcLines(*text)) {
    const std::string_view field = take_word(line);
    if (!is_shown_vmstat(field)) continue;
    const std::optional<std::uint64_t> value = whole_number(take_word(line));
    if (!value) continue;
    const std::string name(field);
    families.begin(MetricType::kUnknown, "vmstat_" + name,
                   "/proc/vmstat information field " + name + ".");
    families.add(static_cast<double>(*value));
    ++found;
  }
  return found > 0 ? CollectResult::done() : CollectResult::failed("vmstat: no known field");
}

}  // namespace notch::agent
