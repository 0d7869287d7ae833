// The kernel's texts as the host's collectors read them: any bytes give values within what each
// parser promises. The first byte picks the parser, the rest is its text.
// Called by: libFuzzer, and corpus_replay.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "agent/family/metric_names.h"
#include "agent/host/arp.h"
#include "agent/host/cgroup_text.h"
#include "agent/host/conntrack.h"
#include "agent/host/cpu.h"
#include "agent/host/diskstats.h"
#include "agent/host/fields.h"
#include "agent/host/filefd.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/mount_table.h"
#include "agent/host/netdev.h"
#include "agent/host/netstat.h"
#include "agent/host/os.h"
#include "agent/host/otlp_system.h"
#include "agent/host/pressure.h"
#include "agent/host/schedstat.h"
#include "agent/host/sensor_names.h"
#include "agent/host/sockstat.h"
#include "agent/host/softnet.h"
#include "agent/host/stat.h"
#include "agent/host/udp_queues.h"

namespace {

using namespace notch::agent;

void require(bool kept) {
  if (!kept) std::abort();
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void read_cgroup_paths(std::string_view text) {
  const CgroupPaths paths = parse_cgroup_paths(text);
  for (const std::string& path : {paths.unified, paths.cpu, paths.cpuacct, paths.memory}) {
    require(path.empty() || path.starts_with('/'));
    require(path.find("/..") == std::string::npos);  // none leads out of the cgroup's file system
  }
}

void read_meminfo(std::string_view text) {
  for (const MemoryField& field : parse_meminfo(text)) {
    require(is_metric_name("node_memory_" + field.name));
    require(std::isfinite(field.value) && field.value >= 0);
  }
}

void read_mounts(std::string_view text) {
  for (const Mount& mount : parse_mount_info(text)) {
    require(mount.device.size() + mount.mount_point.size() + mount.type.size() <= text.size());
    is_local_mount(mount);
  }
}

void read_counts(std::string_view text) {
  for (const ProtocolCount& count : parse_protocol_counts(text)) {
    require(lies_in(count.protocol, text) && lies_in(count.name, text));
  }
}

void read_counts_6(std::string_view text) {
  for (const ProtocolCount& count : parse_protocol_counts_6(text)) {
    require(!count.protocol.empty() && !count.name.empty());
    require(lies_in(count.protocol, text) && lies_in(count.name, text));
  }
}

void read_sensor(std::string_view text) {
  const auto sensor = parse_sensor_file(text);
  if (!sensor) return;
  require(lies_in(sensor->kind, text) && lies_in(sensor->property, text));
  const std::string property(sensor->property);
  const SensorFamily family = property_family(std::string(sensor->kind), property, false);
  require(is_metric_name("node_" + family.name) && family.divisor >= 1);
  lone_family(sensor->kind);
}

void read_loadavg(std::string_view text) {
  const auto averages = parse_loadavg(text);
  if (!averages) return;
  for (const double average : *averages) require(std::isfinite(average));
}

void read_version(std::string_view text) {
  const auto version = leading_version(text);
  require(!version || std::isfinite(*version));
}

void read_devices(std::string_view text) {
  for (const DeviceTraffic& device : parse_net_dev(text)) require(lies_in(device.device, text));
}

void read_disks(std::string_view text) {
  for (const DiskCounts& disk : parse_diskstats(text)) {
    require(lies_in(disk.device, text) && disk.count <= disk.numbers.size());
  }
}

void read_ticks(std::string_view text) {
  const auto ticks = parse_cpu_ticks(text);
  parse_cpu_times(text);
  parse_kernel_counts(text);
  if (!ticks) return;
  CpuCollector collector;
  collector.follow(parse_cpu_times(text));
  collector.follow(parse_cpu_times(text.substr(text.size() / 2)));
}

void read_words(std::string_view text) {
  std::string_view rest = text;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    require(lies_in(word, text));
    require(word.find_first_of(" \t") == std::string_view::npos);
    const auto value = decimal_number(word);
    require(!value || std::isfinite(*value));
    whole_number(word, 16);
  }
}

using Read = void (*)(std::string_view);
constexpr Read kReads[] = {
    [](std::string_view text) { parse_arp(text); },              // a
    read_cgroup_paths,                                           // b
    [](std::string_view text) { keyed_number(text, "usage"); },  // c
    [](std::string_view text) { parse_conntrack_stat(text); },   // d
    read_ticks,                                                  // e
    read_disks,                                                  // f
    [](std::string_view text) { parse_open_files(text); },       // g
    read_sensor,                                                 // h
    read_loadavg,                                                // i
    read_meminfo,                                                // j
    read_mounts,                                                 // k
    read_devices,                                                // l
    read_counts,                                                 // m
    read_counts_6,                                               // n
    [](std::string_view text) { parse_os_release(text); },       // o
    read_version,                                                // p
    [](std::string_view text) {                                  // q
      parse_memory_used_bytes(text);
      parse_task_count(text);
    },
    [](std::string_view text) { parse_pressure(text); },    // r
    [](std::string_view text) { parse_schedstat(text); },   // s
    [](std::string_view text) { parse_sockstat(text); },    // t
    [](std::string_view text) { parse_softnet(text); },     // u
    [](std::string_view text) { parse_udp_queues(text); },  // v
    read_words,                                             // w
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || data[0] < 'a' || data[0] >= 'a' + std::size(kReads)) return -1;
  // In memory of its own size, so that a read behind it is seen.
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  kReads[data[0] - 'a'](text);
  return 0;
}
