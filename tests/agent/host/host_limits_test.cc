// What the host's figures leave out at their limits is counted by collector and reason; and what is
// within them is shown. Over trees of files larger than any limit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/host/cgroup_figures.h"
#include "agent/host/host_collectors.h"
#include "agent/processes/attached_process.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Counts = std::map<std::pair<std::string, HostDrop>, std::uint64_t>;

// A host's /proc, /sys and root in a folder of the test's own.
struct Tree {
  testing::ScratchDirectory folder;
  HostPaths paths{folder.path("proc"), folder.path("sys"), folder.path("root")};

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(folder.path(name)).parent_path());
    folder.write(name, text);
  }
};

std::map<std::string, std::size_t> row_counts(const Snapshot& snapshot) {
  std::map<std::string, std::size_t> counts;
  for (const FamilySnapshot& family : snapshot.families) {
    counts[family.family->name] = family.rows.size();
  }
  return counts;
}

// One collector of the table over a tree: its rows by family, and what was dropped.
struct Gathered {
  HostDrops drops;
  std::map<std::string, std::size_t> rows;

  Gathered(const Tree& tree, const char* collector) {
    HostOptions options;
    options.paths = tree.paths;
    options.collectors = {collector};
    options.mount_timeout_ms = 20'000;
    HostCollectors collectors(options, drops);
    rows = row_counts(collectors.gather({true}));
  }
};

TEST(HostLimits, MountsPastTheThousandth) {
  const Tree tree;
  std::string mounts;
  for (int i = 0; i < 1003; ++i) {
    mounts.append("1 2 8:1 / /m").append(std::to_string(i)).append(" rw - ext4 dev rw\n");
  }
  tree.write("proc/1/mountinfo", mounts + "1 2 0:5 / /proc/x rw - proc hidden rw\n");
  const Gathered gathered(tree, "filesystem");
  EXPECT_THAT(gathered.rows, Contains(Pair("node_filesystem_device_error", 1000)));
  EXPECT_THAT(gathered.drops.counts(),
              UnorderedElementsAre(Pair(Pair("filesystem", HostDrop::kTooManyMounts), 3)));
}

TEST(HostLimits, NetworkDevicesPastTheThousandth) {
  const Tree tree;
  for (int i = 0; i < 1002; ++i) {
    tree.write("sys/class/net/d" + std::to_string(i) + "/operstate", "up\n");
  }
  const Gathered gathered(tree, "netclass");
  EXPECT_THAT(gathered.rows, Contains(Pair("node_network_up", 1000)));
  EXPECT_THAT(gathered.drops.counts(),
              UnorderedElementsAre(Pair(Pair("netclass", HostDrop::kTooManyDevices), 2)));
}

TEST(HostLimits, SensorChipsPastThe256th) {
  const Tree tree;
  for (int i = 0; i < 260; ++i) {
    tree.write("sys/class/hwmon/hwmon" + std::to_string(i) + "/name", "c\n");
  }
  const Gathered gathered(tree, "hwmon");
  EXPECT_THAT(gathered.rows, Contains(Pair("node_hwmon_chip_names", 256)));
  EXPECT_THAT(gathered.drops.counts(),
              UnorderedElementsAre(Pair(Pair("hwmon", HostDrop::kTooManyChips), 4)));
}

TEST(HostLimits, TheEndOfATextOfMoreThanFourMebibytes) {
  const Tree tree;
  const std::string line = "MemTotal: 5 kB\n";
  std::string text;
  while (text.size() <= HostFiles::kMostTextBytes) text += line;
  tree.write("proc/meminfo", text + "Behind: 7 kB\n");
  const Gathered gathered(tree, "meminfo");
  EXPECT_THAT(gathered.rows, Contains(Key("node_memory_MemTotal_bytes")));
  EXPECT_THAT(gathered.rows, Not(Contains(Key("node_memory_Behind_bytes"))));
  EXPECT_THAT(gathered.drops.counts(), Contains(Pair(Pair("meminfo", HostDrop::kTextTooLong), 1)));
}

// Process `pid` of a tree, in the cgroup `path` of the second version.
AttachedProcess attach(const Tree& tree, std::uint32_t pid, const std::string& cgroup_file) {
  const std::string folder = "proc/" + std::to_string(pid);
  tree.write(folder + "/stat",
             std::to_string(pid) + " (x) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 77 4096 1\n");
  tree.write(folder + "/cgroup", cgroup_file);
  AttachedProcess process;
  process.claim.pid = pid;
  process.claim.start_time_ticks = 77;
  process.service = "shop";
  return process;
}

TEST(HostLimits, CgroupsPastTheHundredthAndProcessesPastThe256th) {
  const Tree tree;
  std::vector<AttachedProcess> attached;
  for (std::uint32_t pid = 1; pid <= 261; ++pid) {
    const std::string cgroup = "/c" + std::to_string(pid % 110);
    tree.write("sys/fs/cgroup" + cgroup + "/memory.current", "4096\n");
    attached.push_back(attach(tree, pid, "0::" + cgroup + "\n"));
  }
  HostDrops drops;
  const auto rows = row_counts(cgroup_figures(attached, tree.paths, drops));
  EXPECT_THAT(rows, Contains(Pair("cgroup_memory_usage_bytes", kMostCgroups)));
  EXPECT_THAT(drops.counts(),
              UnorderedElementsAre(Pair(Pair("cgroups", HostDrop::kTooManyProcesses), 5),
                                   Pair(Pair("cgroups", HostDrop::kTooManyCgroups), 10)));
  cgroup_figures(attached, tree.paths, drops);
  EXPECT_THAT(drops.counts(), Contains(Pair(Pair("cgroups", HostDrop::kTooManyCgroups), 20)));
}

// With a dozen hierarchies and long names a process's file is longer than a page; what no buffer
// holds is not taken for a path.
TEST(HostLimits, ACgroupFileLongerThanAPageIsReadAndTheEndOfALongerOneIsNot) {
  const Tree tree;
  std::string file;
  for (int i = 2; i < 20; ++i) {
    file.append(std::to_string(i)).append(":other:/").append(std::string(500, 'x')).append("\n");
  }
  HostDrops drops;
  const std::vector<AttachedProcess> within{attach(tree, 1, file + "0::/whole\n")};
  EXPECT_THAT(row_counts(cgroup_figures(within, tree.paths, drops)),
              Contains(Pair("cgroup_service_info", 1)));
  EXPECT_THAT(drops.counts(), IsEmpty());
  const std::string past = std::string(HostFiles::kMostLineBytes - 15, 'x') + "\n0::/cut/in/two\n";
  const std::vector<AttachedProcess> beyond{attach(tree, 2, past)};
  EXPECT_THAT(row_counts(cgroup_figures(beyond, tree.paths, drops)), IsEmpty());
  EXPECT_THAT(drops.counts(), Contains(Pair(Pair("cgroups", HostDrop::kTextTooLong), 1)));
}

TEST(HostLimits, RowsThatStandTwiceAndNamesNoFormatAllows) {
  HostDrops drops;
  FamilyList families("node_", drops);
  families.begin_collector("one");
  families.begin(MetricType::kGauge, "good", "Help.");
  families.add(1, {{"device", "a"}});
  families.begin_collector("two");
  families.begin(MetricType::kGauge,
                 "b\xc3\xa4"
                 "d",
                 "Help.");
  families.add(1);
  families.begin(MetricType::kGauge, "twice", "Help.");
  for (int i = 0; i < 3; ++i) families.add(i, {{"device", "a"}});
  EXPECT_THAT(row_counts(families.finish()),
              UnorderedElementsAre(Pair("node_good", 1), Pair("node_twice", 1)));
  EXPECT_THAT(drops.counts(), UnorderedElementsAre(Pair(Pair("two", HostDrop::kDuplicateRow), 2),
                                                   Pair(Pair("two", HostDrop::kInvalidName), 1)));
}

}  // namespace
}  // namespace notch::agent
