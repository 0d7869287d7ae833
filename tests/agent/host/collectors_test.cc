// The host's collectors: texts of real kernels, odd ones, and every text cut off and changed at
// random. What they say of this host is held against node_exporter in tests/system.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "agent/host/arp.h"
#include "agent/host/cgroup_text.h"
#include "agent/host/conntrack.h"
#include "agent/host/cpu.h"
#include "agent/host/diskstats.h"
#include "agent/host/filefd.h"
#include "agent/host/filesystem.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/mount_table.h"
#include "agent/host/netdev.h"
#include "agent/host/netstat.h"
#include "agent/host/os.h"
#include "agent/host/pressure.h"
#include "agent/host/schedstat.h"
#include "agent/host/sensor_names.h"
#include "agent/host/sockstat.h"
#include "agent/host/softnet.h"
#include "agent/host/stat.h"
#include "agent/host/udp_queues.h"

namespace notch::agent {
namespace {

constexpr const char* kStat =
    "cpu  300 0 100 4000 20 0 2 1 0 0\n"
    "cpu0 200 0 60 2000 20 0 1 1 5 6\n"
    "cpu1 100 0 40 2000 0 0 1 0 0 0\n"
    "intr 558639 0 0 1\nctxt 868663\nbtime 1795776073\nprocesses 27897\n"
    "procs_running 8\nprocs_blocked 1\n";

TEST(Cpu, LinesOfProcessorsWithoutTheirSum) {
  const auto cpus = parse_cpu_times(kStat);
  ASSERT_EQ(cpus.size(), 2U);
  EXPECT_EQ(cpus.at(0)[static_cast<std::size_t>(CpuMode::kIowait)], 20U);
  EXPECT_EQ(cpus.at(0)[static_cast<std::size_t>(CpuMode::kGuestNice)], 6U);
  EXPECT_TRUE(parse_cpu_times("cpu0 1 2\ncpux 1 2 3 4\ncpu1 1 2 3 -4\n").empty());
}

TEST(Cpu, IdleThatStepsBackIsHeldAndAProcessorThatWasAwayBeginsAnew) {
  constexpr auto kIdle = static_cast<std::size_t>(CpuMode::kIdle);
  constexpr auto kUser = static_cast<std::size_t>(CpuMode::kUser);
  CpuCollector collector;
  CpuTimes times{};
  times[kIdle] = 10'000;
  times[kUser] = 70;
  collector.follow({{0, times}});
  times[kIdle] = 9'990;
  times[kUser] = 71;
  EXPECT_EQ(collector.follow({{0, times}}).at(0)[kIdle], 10'000U);
  EXPECT_EQ(collector.follow({{0, times}}).at(0)[kUser], 71U);
  times[kIdle] = 5;
  times[kUser] = 1;
  EXPECT_EQ(collector.follow({{0, times}}).at(0)[kIdle], 5U);
  EXPECT_EQ(collector.follow({{0, times}}).at(0)[kUser], 1U);
  EXPECT_TRUE(collector.follow({}).empty());
}

TEST(Stat, WhatIsNotToldIsLeftOut) {
  const KernelCounts counts = parse_kernel_counts(kStat);
  EXPECT_EQ(counts.interrupts, 558639U);
  EXPECT_EQ(counts.boot_time_unix_s, 1795776073U);
  EXPECT_FALSE(parse_kernel_counts("ctxt\nintr x\n").context_switches);
}

TEST(Meminfo, UnitsAndBrackets) {
  const auto fields = parse_meminfo(
      "MemTotal: 100 kB\nActive(anon): 5 kB\nHugePages_Total: 3\nBad 4 kB\nOdd: -1 kB\n");
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[0].value, 102400);
  EXPECT_EQ(fields[1].name, "Active_anon_bytes");
  EXPECT_EQ(fields[2].name, "HugePages_Total");
}

TEST(Diskstats, LinesOfTooFewNumbersAreLeftOut) {
  EXPECT_EQ(parse_diskstats("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 1 sdb 1 2\n").size(), 1U);
}

TEST(Netdev, ANameMayHaveAColon) {
  const auto devices = parse_net_dev(
      "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
      "eth0:1:9 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nbad: 1 2\n");
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].device, "eth0");
  EXPECT_EQ(devices[1].device, "eth0:1");
  EXPECT_EQ(devices[1].numbers[0], 9U);
}

TEST(Netstat, PairsOfLinesAndSigns) {
  const auto counts =
      parse_protocol_counts("Tcp: MaxConn ActiveOpens\nTcp: -1 17\nUdp: InDatagrams\nIcmp: 3\n");
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].value, -1);
  const auto six = parse_protocol_counts_6("Ip6InOctets 128\n6 4\nUdpLite6InErrors 2\n");
  ASSERT_EQ(six.size(), 2U);
  EXPECT_EQ(six[1].protocol, "UdpLite6");
}

TEST(Mounts, EscapesOptionalFieldsAndEmptyDevices) {
  const auto mounts = parse_mount_info(
      "36 35 8:1 /mnt1 /a\\040b ro,relatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=continue\n"
      "bad\n37 35 0:30 / /short rw - tmpfs\n"
      "38 35 0:31 / /run/x rw - tmpfs  rw,size=4k\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].device, "/dev/sda1");
  EXPECT_EQ(mounts[0].mount_point, "/a b");
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[0].major, "8");
  EXPECT_EQ(mounts[0].minor, "1");
  EXPECT_TRUE(mounts[0].read_only);
  EXPECT_EQ(mounts[1].device, "");
  EXPECT_EQ(mounts[1].minor, "31");
  EXPECT_FALSE(mounts[1].read_only);
}

TEST(Mounts, ReadOnlyIsOfTheMountOrOfTheFileSystem) {
  const auto mounts = parse_mount_info(
      "1 0 8:1 / /a rw,relatime - ext4 /dev/sda1 ro\n2 0 8:2 / /b rw - ext4 /dev/sda2 "
      "rw,emergency_ro\n"
      "3 0 8:3 / /c rw - ext4 /dev/sda3 rw,errors=remount-ro\n");
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_TRUE(mounts[0].read_only);
  EXPECT_TRUE(mounts[1].read_only);
  EXPECT_FALSE(mounts[2].read_only);
}

TEST(Mounts, OfTwoOnOneAnotherTheUpperCounts) {
  const auto mounts = parse_mount_info(
      "1 0 0:40 / /a rw - tmpfs tmpfs rw\n2 0 0:41 / /b rw - tmpfs tmpfs rw\n"
      "3 1 0:42 / /a ro - tmpfs tmpfs rw\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].mount_point, "/a");
  EXPECT_EQ(mounts[0].minor, "42");
  EXPECT_TRUE(mounts[0].read_only);
}

// An sshfs of a disk of 1 TB: blocks of 4 KiB, and transfers best of 1 MiB.
TEST(Filesystem, SizesAreCountedInFragments) {
  struct statfs answer {};
  answer.f_bsize = 1 << 20;
  answer.f_frsize = 4096;
  answer.f_blocks = 244'140'625;
  answer.f_bfree = 1000;
  answer.f_bavail = 10;
  answer.f_files = 7;
  answer.f_ffree = 3;
  const FilesystemSizes sizes = filesystem_sizes(answer);
  EXPECT_EQ(sizes.size_bytes, 1e12);
  EXPECT_EQ(sizes.free_bytes, 4'096'000);
  EXPECT_EQ(sizes.available_bytes, 40'960);
  EXPECT_EQ(sizes.files, 7);
  EXPECT_EQ(sizes.free_files, 3);
}

TEST(Softnet, WhatAnOlderKernelDoesNotTellIsNothing) {
  const auto today = parse_softnet(
      "0000000a 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 00000004 "
      "00000005 "
      "00000006 00000007 00000008 00000009\n");
  ASSERT_EQ(today.size(), 1U);
  EXPECT_EQ(today[0].cpu, 7U);
  EXPECT_EQ(today[0].processed, 10U);
  EXPECT_EQ(today[0].collisions, 3U);
  EXPECT_EQ(today[0].steered, 4U);
  EXPECT_EQ(today[0].flow_limited, 5U);
  EXPECT_EQ(today[0].waiting, 6U);
  const auto older =
      parse_softnet("0000000a 00000001 00000002 0 0 0 0 0 00000003 00000004 00000005\n");
  ASSERT_EQ(older.size(), 1U);
  EXPECT_EQ(older[0].flow_limited, 5U);
  EXPECT_FALSE(older[0].waiting);
}

TEST(Cgroups, OfBothVersionsAndOfHybridHosts) {
  const CgroupPaths second = parse_cgroup_paths("0::/system.slice/x.service\n");
  EXPECT_EQ(second.unified, "/system.slice/x.service");
  EXPECT_EQ(second.cpu, "");
  const CgroupPaths hybrid =
      parse_cgroup_paths("9:name=systemd:/\n4:memory:/m\n3:cpu,cpuacct:/c\n0::/u\n");
  EXPECT_EQ(hybrid.unified, "/u");
  EXPECT_EQ(hybrid.cpu, "/c");
  EXPECT_EQ(hybrid.cpuacct, "/c");
  EXPECT_EQ(hybrid.memory, "/m");
  EXPECT_EQ(parse_cgroup_paths("0::/../escape\n0:memory\nx\n"), CgroupPaths());
  EXPECT_EQ(keyed_number("usage_usec 5\nuser_usec 3\n", "user_usec"), 3U);
  EXPECT_FALSE(keyed_number("user_usec x\n", "user_usec"));
}

TEST(SmallTexts, AsTheKernelWritesThem) {
  EXPECT_EQ(parse_pressure("some avg10=0.00 total=5\nfull avg10=0.00 total=3\n").full_us, 3U);
  EXPECT_EQ(parse_open_files("1346\t0\t2466177\n")->maximum, 2466177U);
  EXPECT_EQ(parse_schedstat("version 15\ncpu0 0 0 0 0 0 0 10 20 30\n").at(0).waiting_ns, 20U);
  EXPECT_EQ(parse_softnet("0000000a 00000001 00000002\n").at(0).processed, 10U);
  EXPECT_EQ(parse_arp("head\n10.0.0.1 0x1 0x2 aa:bb * eth0\n").at("eth0"), 1U);
  EXPECT_EQ(parse_sockstat("TCP: inuse 4 orphan 0\n").at(1).state, "orphan");
  EXPECT_EQ(parse_conntrack_stat("found drop\n0a 01\n01 01\n").at("found"), 11U);
  EXPECT_EQ(parse_udp_queues("sl\n 1: 0:0 0:0 07 00000010:00000020 0\n").sending_bytes, 16U);
  EXPECT_EQ(leading_version("22.04"), 22.04);
  EXPECT_FALSE(leading_version("sid"));
  EXPECT_EQ(parse_os_release("NAME=\"A \\\"B\\\"\"\nID=x\n").at("NAME"), "A \"B\"");
}

void parse_all(std::string_view text) {
  parse_cpu_times(text);
  parse_kernel_counts(text);
  parse_loadavg(text);
  parse_meminfo(text);
  parse_diskstats(text);
  parse_net_dev(text);
  parse_protocol_counts(text);
  parse_protocol_counts_6(text);
  parse_mount_info(text);
  parse_cgroup_paths(text);
  keyed_number(text, "cpu");
  parse_pressure(text);
  parse_open_files(text);
  parse_schedstat(text);
  parse_softnet(text);
  parse_arp(text);
  parse_sockstat(text);
  parse_conntrack_stat(text);
  parse_udp_queues(text);
  parse_os_release(text);
  leading_version(text);
  parse_sensor_file(text);
}

// Under the sanitizers no read strays; nothing throws, and nothing hangs.
TEST(OddTexts, OfEveryLengthAndWithChangedBytesArePassedByEveryParser) {
  const char* const given = std::getenv("NOTCH_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 20261127U;
  std::printf("NOTCH_SEED=%u\n", seed);
  std::mt19937 random(seed);
  const std::string whole =
      std::string(kStat) +
      "MemTotal: 99999999999999999999 kB\n8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
      "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nTcp: a b\nTcp: 1 -2\n"
      "1 2 3:4 / /m\\040\\0 o - t /d s\n0::/x\n3:cpu,cpuacct:/\nsome total=1\n0a 0b\n";
  for (std::size_t size = 0; size <= whole.size(); ++size) parse_all(whole.substr(0, size));
  for (int round = 0; round < 2000; ++round) {
    std::string text = whole;
    for (int change = 0; change < 8; ++change) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    parse_all(text);
  }
}

}  // namespace
}  // namespace notch::agent
