#include "agent/host/collector_table.h"

#include "agent/host/cpu.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/otlp_system.h"
#include "agent/host/time.h"
#include "agent/host/uname.h"

namespace notch::agent {
namespace {

// A collector that keeps nothing between scrapes.
template <CollectFunction kCollect>
std::unique_ptr<HostCollector> plain(const HostOptions&) {
  struct Plain : HostCollector {
    CollectResult collect(HostFiles& files, FamilyList& families) override {
      return kCollect(files, families);
    }
  };
  return std::make_unique<Plain>();
}

// A collector with a state.
template <class Collector>
std::unique_ptr<HostCollector> stateful(const HostOptions&) {
  return std::make_unique<Collector>();
}

constexpr HostCollectorEntry kTable[] = {
    {"cpu", stateful<CpuCollector>},     {"loadavg", plain<collect_loadavg>},
    {"meminfo", plain<collect_meminfo>}, {"otlp_system", stateful<OtlpSystemCollector>},
    {"time", plain<collect_time>},       {"uname", plain<collect_uname>},
};

}  // namespace

std::span<const HostCollectorEntry> host_collector_table() {
  return kTable;
}

}  // namespace notch::agent
