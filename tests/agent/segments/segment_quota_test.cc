// What segments may take, per user and in all: by values.
#include "agent/segments/segment_quota.h"

#include <gtest/gtest.h>

namespace notch::agent {
namespace {

constexpr std::uint32_t kOne = 61001;
constexpr std::uint32_t kOther = 61002;

TEST(SegmentQuota, AddressSpaceIsLimitedForAUserBeforeItIsForAll) {
  SegmentLimits limits;
  limits.per_uid.mapped_bytes = 100;
  limits.total.mapped_bytes = 150;
  SegmentQuota quota(limits);
  EXPECT_EQ(quota.refusal(kOne, 1, 100), nullptr);
  quota.change(kOne, {}, {.segments = 1, .bytes = 1, .mapped_bytes = 100});
  EXPECT_STREQ(quota.refusal(kOne, 1, 1), "address_space_per_uid");
  EXPECT_EQ(quota.refusal(kOther, 1, 50), nullptr);
  EXPECT_STREQ(quota.refusal(kOther, 1, 51), "address_space");
}

TEST(SegmentQuota, WhatLeavesGivesItsAddressSpaceBack) {
  SegmentLimits limits;
  limits.per_uid.mapped_bytes = 100;
  SegmentQuota quota(limits);
  const SegmentUsage usage = {.segments = 1, .mapped_bytes = 100};
  quota.change(kOne, {}, usage);
  quota.change(kOne, usage, {});
  EXPECT_EQ(quota.refusal(kOne, 1, 100), nullptr);
  EXPECT_EQ(quota.total(), SegmentUsage{});
}

TEST(SegmentQuota, TheDefaultsLeaveMostOfAProcessesAddressSpaceFree) {
  const SegmentLimits limits;
  EXPECT_LE(limits.total.mapped_bytes, std::uint64_t{1} << 45);  // of 2^47 on x86-64
  EXPECT_LE(limits.per_uid.mapped_bytes, limits.total.mapped_bytes / 2);
}

TEST(WithinDescriptors, SegmentsLeaveWhatOthersNeed) {
  const SegmentLimits limits = within_descriptors({}, 1024, 768);
  EXPECT_EQ(limits.total.segments, 512U);  // at least half are for segments
  EXPECT_EQ(limits.per_uid.segments, 384U);
  EXPECT_EQ(within_descriptors({}, 4096, 768).total.segments, 4096U - 768U);
}

TEST(WithinDescriptors, ManyDescriptorsChangeNothing) {
  const SegmentLimits given;
  const SegmentLimits limits = within_descriptors(given, 1'048'576, 768);
  EXPECT_EQ(limits.total, given.total);
  EXPECT_EQ(limits.per_uid, given.per_uid);
}

}  // namespace
}  // namespace notch::agent
