// The cgroup of a process's processor time, on hosts of each kind.
#include "ebpf/cgroup_path.h"

#include <gtest/gtest.h>

namespace notch::ebpf {
namespace {

TEST(CgroupPath, IsTheV2TreesWhereThereIsNoOther) {
  constexpr const char* kText = "0::/system.slice/nginx.service\n";
  EXPECT_FALSE(has_cpu_hierarchy(kText));
  EXPECT_EQ(cpu_cgroup_path(kText), "/system.slice/nginx.service");
}

TEST(CgroupPath, IsTheCpuControllersOnHybridAndV1Hosts) {
  constexpr const char* kText =
      "9:name=systemd:/a\n4:memory:/b\n3:cpuset:/c\n2:cpuacct,cpu:/docker/17:x\n0::/d\n";
  EXPECT_TRUE(has_cpu_hierarchy(kText));
  EXPECT_EQ(cpu_cgroup_path(kText), "/docker/17:x");
}

TEST(CgroupPath, DoesNotTakeCpusetOrCpuacctForCpu) {
  constexpr const char* kText = "3:cpuset:/c\n2:cpuacct:/e\n0::/d\n";
  EXPECT_FALSE(has_cpu_hierarchy(kText));
  EXPECT_EQ(cpu_cgroup_path(kText), "/d");
}

TEST(CgroupPath, IsEmptyWhereNothingIsTold) {
  for (const char* text : {"", "\n", "nonsense", "1:cpu", "::\n"})
    EXPECT_EQ(cpu_cgroup_path(text), "") << text;
}

TEST(CgroupPath, IsReadFromTheFileOfAProcess) {
  EXPECT_TRUE(read_proc_cgroup("/proc/self/cgroup").ends_with("\n"));
}

// As of a process that ends once its file is open: /proc/self/mem opens, and its first byte is none.
TEST(CgroupPath, IsEmptyWhereTheReadingFails) {
  EXPECT_EQ(read_proc_cgroup("/proc/self/mem"), "");
  EXPECT_EQ(read_proc_cgroup("/proc/4194304/cgroup"), "");
}

}  // namespace
}  // namespace notch::ebpf
