#include "agent/host/collector_table.h"

#include <type_traits>

#include "agent/host/arp.h"
#include "agent/host/conntrack.h"
#include "agent/host/cpu.h"
#include "agent/host/cpufreq.h"
#include "agent/host/diskstats.h"
#include "agent/host/dmi.h"
#include "agent/host/entropy.h"
#include "agent/host/filefd.h"
#include "agent/host/filesystem.h"
#include "agent/host/hwmon.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/netclass.h"
#include "agent/host/netdev.h"
#include "agent/host/netstat.h"
#include "agent/host/os.h"
#include "agent/host/otlp_system.h"
#include "agent/host/pressure.h"
#include "agent/host/schedstat.h"
#include "agent/host/selinux.h"
#include "agent/host/sockstat.h"
#include "agent/host/softnet.h"
#include "agent/host/stat.h"
#include "agent/host/thermal_zone.h"
#include "agent/host/time.h"
#include "agent/host/timex.h"
#include "agent/host/udp_queues.h"
#include "agent/host/uname.h"
#include "agent/host/vmstat.h"

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

// One that shows what a filter of names lets through.
template <auto kCollect, NamePatterns HostPatterns::*kPatterns>
std::unique_ptr<HostCollector> filtered(const HostOptions& options) {
  struct Filtered : HostCollector {
    explicit Filtered(const NamePatterns& patterns) : filter(patterns) {}
    CollectResult collect(HostFiles& files, FamilyList& families) override {
      return kCollect(files, families, filter);
    }
    const NameFilter filter;
  };
  return std::make_unique<Filtered>(options.patterns.*kPatterns);
}

// A collector with a state.
template <class Collector>
std::unique_ptr<HostCollector> stateful(const HostOptions& options) {
  if constexpr (std::is_constructible_v<Collector, const HostOptions&>) {
    return std::make_unique<Collector>(options);
  } else {
    return std::make_unique<Collector>();
  }
}

constexpr HostCollectorEntry kTable[] = {
    {"arp", filtered<collect_arp, &HostPatterns::arp_devices>},
    {"conntrack", plain<collect_conntrack>},
    {"cpu", stateful<CpuCollector>},
    {"cpufreq", plain<collect_cpufreq>},
    {"diskstats", filtered<collect_diskstats, &HostPatterns::disks>},
    {"dmi", plain<collect_dmi>},
    {"entropy", plain<collect_entropy>},
    {"filefd", plain<collect_filefd>},
    {"filesystem", stateful<FilesystemCollector>},
    {"hwmon", stateful<HwmonCollector>},
    {"loadavg", plain<collect_loadavg>},
    {"meminfo", plain<collect_meminfo>},
    {"netclass", stateful<NetclassCollector>},
    {"netdev", filtered<collect_netdev, &HostPatterns::network_devices>},
    {"netstat", filtered<collect_netstat, &HostPatterns::protocol_counts>},
    {"os", plain<collect_os>},
    {"otlp_system", stateful<OtlpSystemCollector>},
    {"pressure", plain<collect_pressure>},
    {"schedstat", plain<collect_schedstat>},
    {"selinux", plain<collect_selinux>},
    {"sockstat", plain<collect_sockstat>},
    {"softnet", plain<collect_softnet>},
    {"stat", plain<collect_stat>},
    {"thermal_zone", plain<collect_thermal_zone>},
    {"time", plain<collect_time>},
    {"timex", plain<collect_timex>},
    {"udp_queues", plain<collect_udp_queues>},
    {"uname", plain<collect_uname>},
    {"vmstat", filtered<collect_vmstat, &HostPatterns::memory_events>},
};

}  // namespace

std::span<const HostCollectorEntry> host_collector_table() {
  return kTable;
}

}  // namespace notch::agent
