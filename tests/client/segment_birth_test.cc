// A kill at each step of a segment's birth leaves nothing that a reader would take, or a whole
// segment.
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "notch/registry.h"
#include "tests/client/seccomp_filter.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

constexpr std::uint32_t kTmpfileBit = 020000000;

struct Step {
  const char* point;
  std::size_t named_files;
};

class SegmentBirth : public SegmentDirectory, public ::testing::WithParamInterface<Step> {
 protected:
  void SetUp() override {
#ifndef NOTCH_INJECTION_POINTS
    GTEST_SKIP() << "built without injection points";
#endif
  }
  static void be_killed_at(const char* point) {
    setenv("NOTCH_KILL_AT", point, 1);
    counter({.name = "test_births_total", .help = "Births."}).add();
  }
};

INSTANTIATE_TEST_SUITE_P(Steps, SegmentBirth,
                         ::testing::Values(Step{"segment.locked", 0}, Step{"segment.sized", 0},
                                           Step{"segment.mapped", 0}, Step{"segment.filled", 0},
                                           Step{"segment.named", 1}),
                         [](const auto& step) { return std::string(step.param.point + 8); });

TEST_P(SegmentBirth, KilledLeavesNothingOrAWholeSegment) {
  EXPECT_EQ(wait_for(start_child([] { be_killed_at(GetParam().point); })), "signal 9");
  EXPECT_EQ(segments().size(), GetParam().named_files);  // read_segment() judges each
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory()), {}),
            static_cast<std::ptrdiff_t>(GetParam().named_files));
}

// There the file has a name from its birth, one that readers pass over.
TEST_P(SegmentBirth, KilledWithoutTmpfileLeavesNothingAReaderTakes) {
  EXPECT_EQ(wait_for(start_child([] {
              refuse_call(SYS_openat, 2, kTmpfileBit, false, EOPNOTSUPP);
              be_killed_at(GetParam().point);
            })),
            "signal 9");
  EXPECT_EQ(segments().size(), GetParam().named_files);
}

TEST_F(SegmentBirth, AForkedChildKilledAtItsOwnLeavesItsParentAlone) {
  EXPECT_EQ(wait_for(start_child([] {
              auto total = counter({.name = "test_births_total", .help = "Births."});
              total.add();
              const pid_t child = start_child([&] {
                setenv("NOTCH_KILL_AT", "segment.filled", 1);
                total.add();
              });
              NOTCH_REQUIRE(wait_for(child) == "signal 9");
              total.add();
            })),
            "exit 0");
  EXPECT_EQ(segments().size(), 1U);
  EXPECT_EQ(count("test_births_total"), 2U);
}

}  // namespace
}  // namespace notch::test
