#include "agent/host/vmstat.h"

#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {

CollectResult collect_vmstat(HostFiles& files, FamilyList& families, const NameFilter& filter) {
  const std::optional<std::string_view> text = files.proc("vmstat");
  if (!text) return CollectResult::failed(files.error());
  std::size_t found = 0;
  for (std::string_view line : ProcLines(*text)) {
    const std::string_view field = take_word(line);
    const std::optional<std::uint64_t> value = whole_number(take_word(line));
    if (!value) continue;
    ++found;
    if (filter.hides(field)) continue;
    const std::string name(field);
    families.begin(MetricType::kUnknown, "vmstat_" + name,
                   "/proc/vmstat information field " + name + ".");
    families.add(static_cast<double>(*value));
  }
  return found > 0 ? CollectResult::done()
                   : CollectResult::failed("vmstat: no field with a number");
}

}  // namespace notch::agent
