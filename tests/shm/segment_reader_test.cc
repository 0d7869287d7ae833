// The header's rules, one test each; then sums, exemplars, state.
#include "shm/segment_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "shm/memory_order.h"
#include "tests/shm/collecting_sink.h"
#include "tests/shm/segment_builder.h"

namespace notch::shm {
namespace {

using ::testing::ElementsAre;

class SegmentReaderTest : public ::testing::Test {
 protected:
  Fault attach() { return reader_.attach(segment_.bytes(), {}); }
  void begin_round() {
    ASSERT_EQ(attach(), Fault::kNone);
    reader_.begin_round();
  }
  std::vector<std::uint64_t> cells(std::uint32_t first, std::size_t count) {
    std::vector<std::uint64_t> out(count);
    reader_.add_cells(first, out);
    return out;
  }
  std::vector<double> float_cells(std::uint32_t first, std::size_t count) {
    std::vector<double> out(count);
    reader_.add_float_cells(first, out);
    return out;
  }
  std::vector<double> exemplar_values() {
    std::vector<double> values;
    for (const ExemplarEntry& exemplar : exemplars_) values.push_back(exemplar.value);
    return values;
  }

  testing::SegmentBuilder segment_;
  SegmentReader reader_;
  std::vector<ExemplarEntry> exemplars_;
};

TEST_F(SegmentReaderTest, TellsWhatTheHeaderSays) {
  SegmentHeader& header = segment_.header();
  header.start_time_ticks = 99;
  header.pid_namespace = 4026531836;
  header.created_unix_ns = 1'700'000'000'000'000'000;
  header.boot_id[15] = 0xAB;
  header.segment_id[0] = 0xCD;
  ASSERT_EQ(attach(), Fault::kNone);
  const SegmentInfo& info = reader_.info();
  EXPECT_EQ(info.file_bytes, segment_.bytes().size());
  EXPECT_EQ(info.pid, 4711U);
  EXPECT_EQ(info.uid, 1000U);
  EXPECT_EQ(info.start_time_ticks, 99U);
  EXPECT_EQ(info.pid_namespace, 4026531836U);
  EXPECT_EQ(info.created_unix_ns, 1'700'000'000'000'000'000U);
  EXPECT_EQ(info.cell_capacity, 512U);
  EXPECT_EQ(info.column_capacity, 4U);
  EXPECT_EQ(info.counting_mode, CountingMode::kRseq);
  EXPECT_EQ(info.boot_id[15], 0xAB);
  EXPECT_EQ(info.segment_id[0], 0xCD);
  EXPECT_EQ(info.service, "checkout");
  EXPECT_EQ(info.executable, "/usr/bin/checkout");
}

TEST_F(SegmentReaderTest, RepairsTextsThatAreNotUtf8) {
  std::memcpy(segment_.header().service, "a\xFF\xC3\xA9", 5);
  ASSERT_EQ(attach(), Fault::kNone);
  EXPECT_EQ(reader_.info().service, "a\xEF\xBF\xBD\xC3\xA9");
}

TEST_F(SegmentReaderTest, ReadsATextWithoutAnEndOnlyToItsFieldsEnd) {
  std::memset(segment_.header().service, 's', kServiceBytes);
  ASSERT_EQ(attach(), Fault::kNone);
  EXPECT_EQ(reader_.info().service, std::string(kServiceBytes, 's'));
}

TEST_F(SegmentReaderTest, RefusesAnEmptyFile) {
  segment_.cut(0);
  EXPECT_EQ(attach(), Fault::kTooShort);
}

TEST_F(SegmentReaderTest, RefusesAFileOfAByteLessThanAHeader) {
  segment_.cut(kHeaderBytes - 1);
  EXPECT_EQ(attach(), Fault::kTooShort);
}

TEST_F(SegmentReaderTest, RefusesAFileShorterThanItsHeaderSays) {
  segment_.cut(segment_.bytes().size() - 8);
  EXPECT_EQ(attach(), Fault::kTooShort);
}

TEST_F(SegmentReaderTest, AcceptsAFileLongerThanItsHeaderSays) {
  segment_.header().column_capacity = 3;
  segment_.header().file_bytes -= segment_.header().column_stride;
  EXPECT_EQ(attach(), Fault::kNone);
}

TEST_F(SegmentReaderTest, AFaultSaysWhatItGotAndWhatItWanted) {
  segment_.header().major = 2;
  ASSERT_EQ(attach(), Fault::kNewerVersion);
  EXPECT_EQ(reader_.fault_detail(), "major is 2, wanted 1");
  segment_.header().major = 0;
  ASSERT_EQ(attach(), Fault::kOlderVersion);
  EXPECT_EQ(reader_.fault_detail(), "major is 0, wanted 1");
  segment_.header().major = 1;
  segment_.header().counting_mode = 7;
  ASSERT_EQ(attach(), Fault::kBadGeometry);
  EXPECT_EQ(reader_.fault_detail(), "counting_mode is 7, wanted 1 to 3");
  segment_.header().counting_mode = 1;
  ASSERT_EQ(attach(), Fault::kNone);
  EXPECT_EQ(reader_.fault_detail(), "");
  segment_.cut(100);
  ASSERT_EQ(attach(), Fault::kTooShort);
  EXPECT_EQ(reader_.fault_detail(), "size is 100, wanted at least 4096");
}

// A rule of the header, and how to break it.
struct BrokenHeader {
  const char* name;
  Fault fault;
  std::function<void(SegmentHeader&)> break_it;
};

class BrokenHeaderTest : public SegmentReaderTest,
                         public ::testing::WithParamInterface<BrokenHeader> {};

TEST_P(BrokenHeaderTest, IsRefusedAndNeverReadAgain) {
  GetParam().break_it(segment_.header());
  EXPECT_EQ(attach(), GetParam().fault);
  reader_.begin_round();
  EXPECT_THAT(cells(0, 2), ElementsAre(0, 0));
  testing::CollectingSink sink;
  EXPECT_EQ(reader_.follow(sink), GetParam().fault);
}

constexpr std::uint64_t kHuge = ~std::uint64_t{7};  // aligned, and wraps when anything is added

INSTANTIATE_TEST_SUITE_P(
    Each, BrokenHeaderTest,
    ::testing::Values(
        BrokenHeader{"NoMagic", Fault::kBeingBuilt, [](auto& h) { h.magic = 0; }},
        BrokenHeader{"OtherMagic", Fault::kNotASegment, [](auto& h) { h.magic += 1; }},
        BrokenHeader{"SwappedMagic", Fault::kOtherByteOrder,
                     [](auto& h) { h.magic = __builtin_bswap64(h.magic); }},
        BrokenHeader{"SwappedByteOrder", Fault::kOtherByteOrder,
                     [](auto& h) { h.byte_order = 0x04030201; }},
        BrokenHeader{"NewerMajor", Fault::kNewerVersion, [](auto& h) { h.major = 2; }},
        BrokenHeader{"OlderMajor", Fault::kOlderVersion, [](auto& h) { h.major = 0; }},
        BrokenHeader{"ShortHeader", Fault::kBadGeometry,
                     [](auto& h) { h.header_bytes = kHeaderBytes - 8; }},
        BrokenHeader{"OddHeader", Fault::kBadGeometry,
                     [](auto& h) { h.header_bytes = kHeaderBytes + 4; }},
        BrokenHeader{"HeaderPastFile", Fault::kBadGeometry,
                     [](auto& h) { h.header_bytes = 0xFFFFFFF8; }},
        BrokenHeader{"FileTooShort", Fault::kTooShort, [](auto& h) { h.file_bytes = kHuge; }},
        BrokenHeader{"FileWithoutHeader", Fault::kBadGeometry, [](auto& h) { h.file_bytes = 0; }},
        BrokenHeader{"CatalogueInHeader", Fault::kBadGeometry,
                     [](auto& h) { h.catalogue_offset = kHeaderBytes - 8; }},
        BrokenHeader{"CatalogueOdd", Fault::kBadGeometry, [](auto& h) { h.catalogue_offset += 4; }},
        BrokenHeader{"CataloguePastFile", Fault::kBadGeometry,
                     [](auto& h) { h.catalogue_offset = h.file_bytes - h.catalogue_capacity + 8; }},
        BrokenHeader{"CatalogueWraps", Fault::kBadGeometry,
                     [](auto& h) { h.catalogue_offset = kHuge; }},
        BrokenHeader{"CatalogueTooLarge", Fault::kBadGeometry,
                     [](auto& h) { h.catalogue_capacity = kMaxCatalogueBytes + 8; }},
        BrokenHeader{"CatalogueCapacityOdd", Fault::kBadGeometry,
                     [](auto& h) { h.catalogue_capacity -= 4; }},
        BrokenHeader{"NoColumns", Fault::kBadGeometry, [](auto& h) { h.column_capacity = 0; }},
        BrokenHeader{"TooManyColumns", Fault::kBadGeometry,
                     [](auto& h) { h.column_capacity = kMaxColumns + 1; }},
        BrokenHeader{"ColumnsPastFile", Fault::kBadGeometry,
                     [](auto& h) { h.column_capacity += 1; }},
        BrokenHeader{"TooFewCells", Fault::kBadGeometry,
                     [](auto& h) { h.cell_capacity = kFirstFreeCell - 1; }},
        BrokenHeader{"TooManyCells", Fault::kBadGeometry,
                     [](auto& h) { h.cell_capacity = kMaxCells + 1; }},
        BrokenHeader{"StrideOdd", Fault::kBadGeometry, [](auto& h) { h.column_stride -= 4; }},
        BrokenHeader{"StrideTooShort", Fault::kBadGeometry,
                     [](auto& h) { h.column_stride = h.cell_capacity * kCellBytes - 8; }},
        BrokenHeader{"StrideWraps", Fault::kBadGeometry,
                     [](auto& h) { h.column_stride = std::uint64_t{1} << 62; }},
        BrokenHeader{"ValuesInHeader", Fault::kBadGeometry, [](auto& h) { h.values_offset = 0; }},
        BrokenHeader{"ValuesOdd", Fault::kBadGeometry, [](auto& h) { h.values_offset -= 4; }},
        BrokenHeader{"ValuesPastFile", Fault::kBadGeometry, [](auto& h) { h.values_offset += 8; }},
        BrokenHeader{"ValuesWrap", Fault::kBadGeometry, [](auto& h) { h.values_offset = kHuge; }},
        BrokenHeader{"TooManyExemplars", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_slots = kExemplarSlots + 1; }},
        BrokenHeader{"ExemplarsTooSmall", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_slot_bytes = 56; }},
        BrokenHeader{"ExemplarsTooLarge", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_slot_bytes = kPageBytes + 8; }},
        BrokenHeader{"ExemplarsOddly", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_slot_bytes = 68; }},
        BrokenHeader{"ExemplarsPastFile", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_offset = h.file_bytes - 64; }},
        BrokenHeader{"ExemplarsWrap", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_offset = kHuge; }},
        BrokenHeader{"ExemplarsInHeader", Fault::kBadGeometry,
                     [](auto& h) { h.exemplar_offset = 64; }},
        BrokenHeader{"UnknownCountingMode", Fault::kBadGeometry,
                     [](auto& h) { h.counting_mode = 4; }}),
    [](const auto& broken) { return std::string(broken.param.name); });

TEST(SegmentReaderUnattached, FindsNothing) {
  SegmentReader reader;
  testing::CollectingSink sink;
  std::vector<ExemplarEntry> exemplars;
  reader.begin_round();
  reader.exemplars(exemplars);
  EXPECT_EQ(reader.follow(sink), Fault::kNone);
  EXPECT_EQ(reader.shared_cell(8), 0U);
  EXPECT_EQ(reader.drops(DropReason::kNoCells), 0U);
  EXPECT_EQ(reader.state(), State::kLive);
}

// --- sums ---

TEST_F(SegmentReaderTest, SumsACellOverTheColumns) {
  for (std::uint32_t column = 0; column < 4; ++column) segment_.set_cell(column, 9, 1U << column);
  begin_round();
  EXPECT_THAT(cells(8, 3), ElementsAre(0, 15, 0));
}

TEST_F(SegmentReaderTest, SumsEveryCellOfALongRun) {
  for (std::uint32_t cell = 0; cell < 512; ++cell) {
    segment_.set_cell(0, cell, cell);
    segment_.set_cell(3, cell, 1000);
  }
  begin_round();
  const std::vector<std::uint64_t> sums = cells(0, 512);
  for (std::uint64_t cell = 0; cell < 512; ++cell) ASSERT_EQ(sums[cell], 1000 + cell);
}

TEST_F(SegmentReaderTest, AddsToWhatIsThere) {
  segment_.set_cell(1, 8, 5);
  begin_round();
  std::array<std::uint64_t, 1> out{100};
  reader_.add_cells(8, out);
  EXPECT_EQ(out[0], 105U);
}

TEST_F(SegmentReaderTest, WrapsNegativePartsOfASum) {
  segment_.set_cell(0, 8, static_cast<std::uint64_t>(-3));
  segment_.set_cell(1, 8, 5);
  begin_round();
  EXPECT_THAT(cells(8, 1), ElementsAre(2));
}

TEST_F(SegmentReaderTest, LeavesOutColumnsNotInForce) {
  segment_.set_cell(0, 8, 1);
  segment_.set_cell(2, 8, 100);
  segment_.header().column_bitmap[0] = 0b1011;
  begin_round();
  EXPECT_THAT(cells(8, 1), ElementsAre(1));
}

TEST_F(SegmentReaderTest, LeavesOutColumnsPastTheCapacity) {
  segment_.set_cell(0, 8, 1);
  segment_.header().column_bitmap[0] = ~std::uint64_t{0};
  segment_.header().column_bitmap[1] = ~std::uint64_t{0};
  begin_round();
  EXPECT_THAT(cells(8, 1), ElementsAre(1));
}

TEST_F(SegmentReaderTest, CountsCellsWithoutMemoryAsZero) {
  segment_.set_cell(0, 8, 7);
  segment_.set_cell(0, 9, 7);
  segment_.header().cells_committed = 9;
  begin_round();
  EXPECT_THAT(cells(8, 3), ElementsAre(7, 0, 0));
  EXPECT_THAT(cells(100, 1), ElementsAre(0));
  EXPECT_EQ(reader_.shared_cell(9), 0U);
}

TEST_F(SegmentReaderTest, DoesNotBelieveMoreCommittedCellsThanThereAre) {
  segment_.header().cells_committed = kHuge;
  begin_round();
  EXPECT_THAT(cells(511, 3), ElementsAre(0, 0, 0));
  EXPECT_THAT(float_cells(512, 1), ElementsAre(0.0));
  EXPECT_EQ(reader_.shared_cell(512), 0U);
}

TEST_F(SegmentReaderTest, SeesColumnsFromTheNextRoundOn) {
  segment_.set_cell(3, 8, 7);
  segment_.header().column_bitmap[0] = 0b0111;
  begin_round();
  segment_.header().column_bitmap[0] = 0b1111;
  EXPECT_THAT(cells(8, 1), ElementsAre(0));
  reader_.begin_round();
  EXPECT_THAT(cells(8, 1), ElementsAre(7));
}

TEST_F(SegmentReaderTest, SumsDoublesAndLeavesOutWhatIsNotFinite) {
  segment_.set_float_cell(0, 8, 1.5);
  segment_.set_float_cell(1, 8, NAN);
  segment_.set_float_cell(2, 8, -INFINITY);
  segment_.set_float_cell(3, 8, 0.25);
  begin_round();
  EXPECT_THAT(float_cells(8, 2), ElementsAre(1.75, 0.0));
}

TEST_F(SegmentReaderTest, ReadsGaugesFromColumnZeroAlone) {
  segment_.set_gauge(8, 2.5);
  segment_.set_cell(1, 8, 77);
  begin_round();
  EXPECT_EQ(std::bit_cast<double>(reader_.shared_cell(8) ^ kGaugeMask), 2.5);
}

TEST_F(SegmentReaderTest, ReadsNoGaugeWhileColumnZeroIsNotInForce) {
  segment_.set_gauge(8, 2.5);
  segment_.header().column_bitmap[0] = 0b1110;
  begin_round();
  EXPECT_EQ(reader_.shared_cell(8), 0U);
}

TEST_F(SegmentReaderTest, TellsTheMemoryThatIsClaimed) {
  segment_.header().column_bitmap[0] = 0b0011;
  segment_.header().cells_committed = 100;
  begin_round();
  EXPECT_EQ(reader_.claimed_bytes(),
            kHeaderBytes + segment_.header().catalogue_used + 4 * 64 + 2 * 100 * kCellBytes);
}

// Also what TSan judges the pairs of tags by.
TEST_F(SegmentReaderTest, ReadsWhileAnotherThreadAddsAndDefines) {
  constexpr std::uint64_t kAdds = 20000;
  constexpr int kRounds = 200;
  const std::uint32_t family = segment_.new_family(testing::counter("a_total", {"n"}));
  const std::uint32_t cell = segment_.first_cell(segment_.new_series(family, {"first"}));
  ASSERT_EQ(attach(), Fault::kNone);
  std::atomic<int> rounds = 0;
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> added = 0;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kAdds || rounds < kRounds; ++i) {
      segment_.set_cell(1, cell, i);
      if (i % 200 == 0 && i <= kAdds) segment_.new_series(family, {std::to_string(i)});
      segment_.new_exemplar(cell, static_cast<double>(i), i);
      added = i;
    }
    done = true;
  });
  testing::CollectingSink sink;
  std::uint64_t last = 0;
  bool writing = true;
  while (writing) {
    writing = !done;  // if not: one more round, which finds all
    EXPECT_EQ(reader_.follow(sink), Fault::kNone);
    reader_.begin_round();
    reader_.exemplars(exemplars_);
    const std::uint64_t now = cells(cell, 1)[0];
    EXPECT_GE(now, last);
    last = now;
    ++rounds;
  }
  writer.join();
  EXPECT_EQ(last, added);
  ASSERT_EQ(sink.series.size(), 1 + kAdds / 200);
  EXPECT_EQ(sink.series.back().label_values[0], std::to_string(kAdds));
}

// --- exemplars ---

TEST_F(SegmentReaderTest, HandsOutExemplarsOldestFirst) {
  for (int i = 1; i <= 6; ++i) segment_.new_exemplar(8, i, static_cast<std::uint64_t>(i));
  begin_round();
  reader_.exemplars(exemplars_);
  EXPECT_THAT(exemplar_values(), ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(exemplars_[3].cell, 8U);
  EXPECT_EQ(exemplars_[3].unix_time_ns, 6U);
  EXPECT_EQ(exemplars_[3].trace_id[15], 6);
}

TEST_F(SegmentReaderTest, LeavesExemplarsAloneWhenNoneIsNew) {
  segment_.new_exemplar(8, 1, 1);
  begin_round();
  reader_.exemplars(exemplars_);
  exemplars_.clear();
  reader_.exemplars(exemplars_);
  EXPECT_TRUE(exemplars_.empty());
  segment_.new_exemplar(8, 2, 2);
  reader_.exemplars(exemplars_);
  EXPECT_THAT(exemplar_values(), ElementsAre(1, 2));
}

TEST_F(SegmentReaderTest, LeavesOutAnExemplarBeingWrittenAndTakesItWhenWhole) {
  segment_.new_exemplar(8, 1, 1);
  segment_.new_exemplar(8, 2, 2);
  segment_.exemplar_slot(1).sequence -= 1;
  begin_round();
  reader_.exemplars(exemplars_);
  EXPECT_THAT(exemplar_values(), ElementsAre(1));
  segment_.exemplar_slot(1).sequence += 1;
  reader_.exemplars(exemplars_);
  EXPECT_THAT(exemplar_values(), ElementsAre(1, 2));
}

// One slot, written all the time: value, time and trace id must be of one write.
TEST_F(SegmentReaderTest, NeverHandsOutATornExemplar) {
  constexpr int kEnough = 50'000;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  segment_.header().exemplar_slots = 1;
  ASSERT_EQ(attach(), Fault::kNone);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (std::uint64_t i = 1; !done; ++i) segment_.new_exemplar(8, static_cast<double>(i), i);
  });
  int torn = 0;
  for (int taken = 0; taken < kEnough && std::chrono::steady_clock::now() < deadline;) {
    exemplars_.clear();
    reader_.exemplars(exemplars_);
    taken += static_cast<int>(exemplars_.size());
    for (const ExemplarEntry& exemplar : exemplars_) {
      const auto n = static_cast<std::uint64_t>(exemplar.value);
      if (exemplar.unix_time_ns != n) ++torn;
      if (exemplar.trace_id[15] != static_cast<std::uint8_t>(n)) ++torn;
    }
  }
  done = true;
  writer.join();
  EXPECT_EQ(torn, 0);
}

TEST_F(SegmentReaderTest, LeavesOutExemplarsThatSayNothing) {
  segment_.new_exemplar(8, NAN, 1);
  segment_.new_exemplar(kNullFloatCell, 1, 1);
  segment_.new_exemplar(512, 1, 1);
  segment_.new_exemplar(8, 5, 1);
  begin_round();
  reader_.exemplars(exemplars_);
  EXPECT_THAT(exemplar_values(), ElementsAre(5));
}

TEST_F(SegmentReaderTest, ReadsNoExemplarsWithoutARing) {
  segment_.header().exemplar_slots = 0;
  segment_.header().exemplar_next = 7;
  begin_round();
  reader_.exemplars(exemplars_);
  EXPECT_TRUE(exemplars_.empty());
}

// --- state and drops ---

TEST_F(SegmentReaderTest, TellsAnOrderlyEnd) {
  begin_round();
  EXPECT_EQ(reader_.state(), State::kLive);
  segment_.header().state = static_cast<std::uint32_t>(State::kClosed);
  EXPECT_EQ(reader_.state(), State::kClosed);
}

TEST_F(SegmentReaderTest, TellsDropsByReason) {
  segment_.header().drops[static_cast<std::size_t>(DropReason::kCardinality)] = 3;
  begin_round();
  EXPECT_EQ(reader_.drops(DropReason::kCardinality), 3U);
  EXPECT_EQ(reader_.drops(DropReason::kNoCells), 0U);
  EXPECT_EQ(reader_.drops(static_cast<DropReason>(kDropReasons)), 0U);
}

TEST(FaultName, IsThereForEveryFault) {
  for (int fault = 0; fault <= static_cast<int>(Fault::kTooMany); ++fault) {
    EXPECT_STRNE(fault_name(static_cast<Fault>(fault)), "unknown");
  }
}

}  // namespace
}  // namespace notch::shm
