// What /proc says of a process: texts of real kernels, and broken ones.
#include "agent/processes/process_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;

constexpr const char* kStat =
    "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 101 202 303 404 505 606 707 808 20 0 9 0 123456 "
    "987654321 4242 18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0\n";

TEST(ProcessStat, FieldsAreCountedFromTheCommandsLastBracket) {
  const auto stat = parse_process_stat(kStat);
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->minor_faults, 101U);
  EXPECT_EQ(stat->major_faults, 303U);
  EXPECT_EQ(stat->user_ticks, 505U);
  EXPECT_EQ(stat->system_ticks, 606U);
  EXPECT_EQ(stat->threads, 9U);
  EXPECT_EQ(stat->start_time_ticks, 123456U);
  EXPECT_EQ(stat->virtual_bytes, 987654321U);
  EXPECT_EQ(stat->resident_pages, 4242U);
}

TEST(ProcessStat, CutAnywhereBeforeTheLastFieldItGivesNone) {
  const std::string whole = kStat;
  const std::size_t enough = whole.find(" 4242");
  for (std::size_t length = 0; length <= enough; ++length) {
    EXPECT_FALSE(parse_process_stat(whole.substr(0, length))) << length;
  }
  EXPECT_TRUE(parse_process_stat(whole.substr(0, enough + 5)));
}

TEST(ProcessStat, WordsForNumbersGiveNone) {
  for (const std::string broken : {"505", "606", "123456", "4242"}) {
    std::string text = kStat;
    text.replace(text.find(broken), broken.size(), "x");
    EXPECT_FALSE(parse_process_stat(text)) << broken;
  }
}

constexpr const char* kStatus =
    "Name:\tvoluntary_ctxt_switches: 7\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t10\t20\t30\t40\n"
    "Gid:\t1\t1\t1\t1\nThreads:\t9\nvoluntary_ctxt_switches:\t1500\n"
    "nonvoluntary_ctxt_switches:\t31\n";

TEST(ThreadStatus, TellsUsersAndSwitches) {
  const auto status = parse_thread_status(kStatus);
  ASSERT_TRUE(status);
  EXPECT_THAT(status->uids, ElementsAre(10, 20, 30, 40));
  EXPECT_EQ(status->voluntary_switches, 1500U);
  EXPECT_EQ(status->involuntary_switches, 31U);
}

TEST(ThreadStatus, WithoutOneOfThemThereIsNone) {
  for (const std::string left_out : {"Uid:", "\nvoluntary", "\nnonvoluntary", "\t30\t40"}) {
    std::string text = kStatus;
    text.erase(text.find(left_out), left_out.size());
    EXPECT_FALSE(parse_thread_status(text)) << left_out;
  }
}

constexpr const char* kIo =
    "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n"
    "cancelled_write_bytes: 7\n";

TEST(ProcessIo, TellsCharsFromDiskBytes) {
  const auto io = parse_process_io(kIo);
  ASSERT_TRUE(io);
  EXPECT_EQ(io->chars_read, 1U);
  EXPECT_EQ(io->chars_written, 2U);
  EXPECT_EQ(io->disk_read_bytes, 5U);
  EXPECT_EQ(io->disk_written_bytes, 6U);
}

TEST(ProcessIo, BrokenTextsGiveNone) {
  for (const std::string_view broken :
       {"", "rchar: 1\nwchar: 2\n", "rchar: x\nwchar: 2\nread_bytes: 5\nwrite_bytes: 6\n"}) {
    EXPECT_FALSE(parse_process_io(broken)) << broken;
  }
}

TEST(BootTime, IsItsOwnLine) {
  EXPECT_EQ(parse_boot_time_s("cpu  1 2 3 4\nctxt 9\nbtime 1700000000\nprocesses 5\n"),
            1'700'000'000U);
  EXPECT_FALSE(parse_boot_time_s("cpu  1 2 3 4\nxbtime 17\nbtime\n"));
}

}  // namespace
}  // namespace notch::agent
