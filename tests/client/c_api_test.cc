// What the C program counted, read back: both languages count the same way.
#include <unistd.h>

#include <bit>

#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

constexpr const char* kProgram = NOTCH_BINARY_DIR "/tests/c_api_program";

class CApi : public SegmentDirectory {};

TEST_F(CApi, CountsAsTheHandlesOfCppDo) {
  expect_quiet_success([] { execl(kProgram, kProgram, static_cast<char*>(nullptr)); });
  ASSERT_EQ(segments().size(), 1U);
  const SegmentTotals segment = segments().at(0);
  EXPECT_EQ(count("test_c_whole_total", {"GET", "200"}), 42U);
  EXPECT_EQ(real_total(directory(), "test_c_real_total"), 0.5);
  EXPECT_EQ(count("test_c_up_down"), 3U);
  EXPECT_EQ(segment.find("test_c_level").at(0).gauge(), 7);
  EXPECT_GT(segment.find("test_c_level").at(0).column0.at(1), 0U) << "the time of mode last";
  EXPECT_EQ(observation_total(directory(), "test_c_classic"), 3U);
  EXPECT_EQ(observed_sum_total(directory(), "test_c_classic"), 11);
  EXPECT_EQ(observation_total(directory(), "test_c_native"), 1U);
  EXPECT_EQ(segment.header.exemplar_next, 2U);
  EXPECT_EQ(segment.null_integers.at(0), 4U);
  EXPECT_EQ(segment.null_reals.at(1), 0.25);
  EXPECT_EQ(std::bit_cast<double>(segment.null_column0.at(2) ^ shm::kGaugeMask), 9);
  EXPECT_EQ(segment.drops(shm::DropReason::kWrongLabelCount), 1U);
  EXPECT_EQ(segment.drops(shm::DropReason::kNegative), 1U);
  EXPECT_EQ(segment.drops(shm::DropReason::kNotFinite), 1U);
}

}  // namespace
}  // namespace notch::test
