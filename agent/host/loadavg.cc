#include "agent/host/loadavg.h"

#include "agent/host/fields.h"

namespace notch::agent {

std::optional<std::array<double, 3>> parse_loadavg(std::string_view text) {
  std::array<double, 3> loads{};
  for (double& load : loads) {
    const std::optional<double> value = decimal_number(take_word(text));
    if (!value) return std::nullopt;
    load = *value;
  }
  return loads;
}

CollectResult collect_loadavg(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("loadavg");
  if (!text) return CollectResult::failed(files.error());
  const auto loads = parse_loadavg(*text);
  if (!loads) return CollectResult::failed("loadavg: not three numbers");
  families.gauge("load1", "1m load average.", (*loads)[0]);
  families.gauge("load5", "5m load average.", (*loads)[1]);
  families.gauge("load15", "15m load average.", (*loads)[2]);
  return CollectResult::done();
}

}  // namespace notch::agent
