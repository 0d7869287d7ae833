// The command line's options for the host's figures.
// Made by: options. Called by: host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/host/host_paths.h"
#include "agent/host/name_filter.h"

namespace notch::agent {

// The names that each collector shows, by the patterns of node_exporter's own release, without a
// distribution's changes.
struct HostPatterns {
  NamePatterns arp_devices;
  NamePatterns disks{R"(^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$)", ""};
  NamePatterns mount_points{
      "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
      ""};
  NamePatterns file_system_types{
      "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|"
      "iso9660|"
      "mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|"
      "tracefs)$",
      ""};
  NamePatterns chips;
  NamePatterns sensors;  // a name is CHIP;SENSOR
  NamePatterns classed_devices{"^$", ""};
  NamePatterns network_devices;
  // A name is PROTOCOL_COUNT.
  NamePatterns protocol_counts{
      "",
      "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
      "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"
      "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
      "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"};
  NamePatterns memory_events{"", "^(oom_kill|pgpg|pswp|pg.*fault).*"};
};

struct HostOptions {
  HostPaths paths;
  std::string prefix = "node_";         // of the collectors' families
  std::vector<std::string> collectors;  // those that run
  HostPatterns patterns;
  std::uint64_t interval_s = 15;        // over which otlp_system_cpu_usage_percent is measured
  std::uint32_t mount_timeout_ms = 50;  // how long a scrape waits for the file systems in all
};

}  // namespace notch::agent
