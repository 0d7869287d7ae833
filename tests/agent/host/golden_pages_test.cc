// Whole pages over the trees in fixtures/, against those committed beside them: a host's figures,
// and cgroups' on hosts with cgroup v1, with v2, and with both. A page that differs is left in the
// build folder; once it is right by eye, it is the new one.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/expose/exposition_text.h"
#include "agent/host/cgroup_figures.h"
#include "agent/host/host_collectors.h"
#include "agent/processes/attached_process.h"

namespace notch::agent {
namespace {

const std::string kFixtures = NOTCH_SOURCE_DIR "/tests/agent/host/fixtures/";

HostPaths paths_of(const std::string& tree) {
  return {kFixtures + tree + "/proc", kFixtures + tree + "/sys", kFixtures + tree + "/root"};
}

// Without what each collector took, which is of this run, and without the version, of this build.
std::string page_of(const Snapshot& snapshot) {
  std::istringstream page{std::string(write_text(snapshot).body.bytes())};
  std::string kept;
  for (std::string line; std::getline(page, line);) {
    if (line.find("_collector_duration_seconds") != std::string::npos) continue;
    if (!line.starts_with("node_exporter_build_info{")) kept += line + "\n";
  }
  return kept;
}

void expect_golden(const std::string& name, const std::string& page) {
  std::ifstream file(kFixtures + name + ".prom");
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  const std::string made = NOTCH_BINARY_DIR "/tests/" + name + ".prom";
  if (page != golden) std::ofstream(made) << page;
  EXPECT_EQ(page, golden) << "the page that was made is in " << made;
}

TEST(GoldenPages, OfAllCollectorsThatOnlyReadFiles) {
  HostOptions options;
  options.paths = paths_of("whole");
  options.collectors = {"arp",      "conntrack", "cpu",   "cpufreq",      "diskstats",  "dmi",
                        "entropy",  "filefd",    "hwmon", "loadavg",      "meminfo",    "netclass",
                        "netdev",   "netstat",   "os",    "pressure",     "schedstat",  "selinux",
                        "sockstat", "softnet",   "stat",  "thermal_zone", "udp_queues", "vmstat"};
  HostDrops drops;
  HostCollectors collectors(options, drops);
  collectors.on_error = [](std::string_view name, const std::string& message) {
    ADD_FAILURE() << name << ": " << message;
  };
  const std::vector<bool> all(collectors.names().size(), true);
  expect_golden("whole", page_of(collectors.gather(all)));
  EXPECT_TRUE(drops.counts().empty());
}

// 101 and 102 are in one cgroup, 103 in another; the number of 104 is another process's by now.
std::string cgroups_of(const std::string& tree) {
  std::vector<AttachedProcess> attached;
  for (const auto& [pid, service] :
       {std::pair{101U, "shop"}, {102U, "shop"}, {103U, "web"}, {104U, "gone"}}) {
    AttachedProcess& process = attached.emplace_back();
    process.claim.pid = pid;
    process.claim.start_time_ticks = 5000 + pid;
    process.service = service;
  }
  HostDrops drops;
  std::string page = page_of(cgroup_figures(attached, paths_of(tree), drops));
  EXPECT_TRUE(drops.counts().empty());
  return page;
}

TEST(GoldenPages, OfCgroupsOfTheFirstVersion) {
  expect_golden("cgroup_v1", cgroups_of("cgroup_v1"));
}

TEST(GoldenPages, OfCgroupsOfTheSecondVersion) {
  expect_golden("cgroup_v2", cgroups_of("cgroup_v2"));
}

TEST(GoldenPages, OfCgroupsOfBothVersions) {
  expect_golden("cgroup_hybrid", cgroups_of("cgroup_hybrid"));
}

}  // namespace
}  // namespace notch::agent
