// What collectors show by name: the meaning of patterns, their time, and the defaults.
#include "agent/host/name_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "agent/host/host_options.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NameFilter, WithoutPatternsHidesNothing) {
  const NameFilter filter(NamePatterns{});
  EXPECT_FALSE(filter.hides(""));
  EXPECT_FALSE(filter.hides("lo"));
}

TEST(NameFilter, APatternMatchesAnywhereUnlessAnchored) {
  const NameFilter excluding({"th1", ""});
  EXPECT_TRUE(excluding.hides("eth10"));
  EXPECT_FALSE(excluding.hides("eth0"));
  const NameFilter including({"", "^eth\\d$"});
  EXPECT_TRUE(including.hides("eth10"));
  EXPECT_TRUE(including.hides("veth1"));
  EXPECT_FALSE(including.hides("eth1"));
  const NameFilter both({"1", "^eth"});
  EXPECT_TRUE(both.hides("eth1"));
  EXPECT_TRUE(both.hides("lo"));
  EXPECT_FALSE(both.hides("eth0"));
}

TEST(NameFilter, ANameIsMatchedAsAPageShowsIt) {
  EXPECT_TRUE(NameFilter({"^/a.b$", ""})
                  .hides("/a\xff"
                         "b"));
  EXPECT_TRUE(NameFilter({"\xef\xbf\xbd", ""})
                  .hides("/a\xff"
                         "b"));
}

// A matcher that goes back over the name takes 2^100 steps for the first of these.
TEST(NameFilter, APatternOfNestedRepetitionsEnds) {
  const std::string name(100, 'a');
  EXPECT_FALSE(NameFilter({"^(a+)+$", ""}).hides(name + "!"));
  EXPECT_FALSE(NameFilter({"^(a|aa|a?)*b$", ""}).hides(std::string(100'000, 'a')));
}

TEST(NameFilter, WhatIsNoPatternIsToldWithTheReason) {
  EXPECT_THAT(NameFilter::fault(""), IsEmpty());
  EXPECT_THAT(NameFilter::fault("^(a|b)$"), IsEmpty());
  for (const char* bad : {"(", "a**", "[z-a]", "(?=x)", "\\1", "x{1001}", "\xff"}) {
    EXPECT_THAT(NameFilter::fault(bad), HasSubstr("is not a regular expression")) << bad;
    EXPECT_THROW(NameFilter({bad, ""}), std::invalid_argument) << bad;
    EXPECT_THROW(NameFilter({"", bad}), std::invalid_argument) << bad;
  }
}

TEST(DefaultPatterns, HidePartitionsAndMemoryDisks) {
  const NameFilter filter(HostPatterns().disks);
  for (const char* hidden :
       {"ram0", "zram0", "loop12", "fd0", "sda1", "vda12", "xvda1", "nvme0n1p2"}) {
    EXPECT_TRUE(filter.hides(hidden)) << hidden;
  }
  for (const char* shown : {"sda", "vda", "nvme0n1", "dm-0", "md127", "mmcblk0", "fd"}) {
    EXPECT_FALSE(filter.hides(shown)) << shown;
  }
}

TEST(DefaultPatterns, ShowTheMountsThatPeopleMakeAndHideTheSystemsOwn) {
  const NameFilter points(HostPatterns().mount_points);
  for (const char* shown : {"/", "/mnt", "/mnt/data", "/media/disk", "/run", "/run/user/1000",
                            "/run/credentials", "/device", "/var/lib/docker"}) {
    EXPECT_FALSE(points.hides(shown)) << shown;
  }
  for (const char* hidden : {"/dev", "/dev/pts", "/proc/x", "/sys", "/run/credentials/a.service",
                             "/var/lib/docker/overlay2/x", "/var/lib/containers/storage/x/y"}) {
    EXPECT_TRUE(points.hides(hidden)) << hidden;
  }
  const NameFilter types(HostPatterns().file_system_types);
  for (const char* shown : {"ext4", "tmpfs", "fuse.sshfs", "nfs4", "zfs"}) {
    EXPECT_FALSE(types.hides(shown)) << shown;
  }
  for (const char* hidden : {"overlay", "cgroup", "cgroup2", "erofs", "squashfs", "autofs"}) {
    EXPECT_TRUE(types.hides(hidden)) << hidden;
  }
}

TEST(DefaultPatterns, ShowTheCountsThatDashboardsAskFor) {
  const NameFilter counts(HostPatterns().protocol_counts);
  for (const char* shown : {"TcpExt_ListenDrops", "TcpExt_TCPOFOQueue", "TcpExt_TCPRcvQDrop",
                            "Udp6_NoPorts", "UdpLite6_InErrors", "Ip_Forwarding"}) {
    EXPECT_FALSE(counts.hides(shown)) << shown;
  }
  EXPECT_TRUE(counts.hides("TcpExt_DelayedACKs"));
  const NameFilter events(HostPatterns().memory_events);
  EXPECT_FALSE(events.hides("pgmajfault"));
  EXPECT_TRUE(events.hides("nr_free_pages"));
  EXPECT_FALSE(NameFilter(HostPatterns().network_devices).hides("lo"));
  EXPECT_FALSE(NameFilter(HostPatterns().classed_devices).hides("lo"));
}

}  // namespace
}  // namespace notch::agent
