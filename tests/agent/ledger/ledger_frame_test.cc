// The ledger's bytes: every value comes back as it went in, every malformed frame is refused or
// taken for the torn end, by one test per rule of LEDGER.md.
#include "agent/ledger/ledger_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "agent/family/count_limits.h"
#include "tests/agent/ledger/ledger_bytes.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;

TEST_F(LedgerBytes, FamiliesComeBackAsTheyWentIn) {
  begin_ledger();
  EXPECT_EQ(replay().recovered.families, sample::families());
}

TEST_F(LedgerBytes, ChangesOfEveryKindComeBackAsTheyWentIn) {
  begin_ledger();
  std::vector<RowChange> changes;
  for (std::uint32_t row = 0; row < sample::kFamilies; ++row) {
    changes.push_back(sample::make_change(row, row, 5));
  }
  fold(1, changes);
  const Replay result = replay();
  ASSERT_EQ(result.recovered.rows.size(), sample::kFamilies);
  for (std::uint32_t row = 0; row < sample::kFamilies; ++row) {
    EXPECT_EQ(result.recovered.rows[row].total, changes[row]) << row;
    EXPECT_EQ(result.recovered.rows[row].last_seen_boot_s, 99U);
  }
}

TEST_F(LedgerBytes, HeaderIsAsDocumented) {
  const std::string documented =
      std::string("NOTCHLDG\x04\x03\x02\x01\x02\0\0\0", 16) +
      std::string(reinterpret_cast<const char*>(kBoot.data()), kBoot.size()) + std::string(4, '\0');
  ASSERT_EQ(file_.size(), 40U);
  EXPECT_EQ(file_.substr(0, 36), documented);
}

// Every field by hand, as a stranger would write it from LEDGER.md.
TEST_F(LedgerBytes, FoldIsAsDocumented) {
  Fold one{{0x0102, 0x0304, "seg"}, {RowChange{}}};
  one.rows[0].row = 7;
  one.rows[0].slots = {0x11, 0x22};
  one.rows[0].positive = {{-2, 3}};
  one.rows[0].negative = {{4, 5}};
  const std::string documented(
      "\x63\0\0\0\0\0\0\0"
      "\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\x03\0\0\0seg"
      "\x01\0\0\0"
      "\x07\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0"
      "\x11\0\0\0\0\0\0\0\x22\0\0\0\0\0\0\0"
      "\xfe\xff\xff\xff\x03\0\0\0\0\0\0\0"
      "\x04\0\0\0\x05\0\0\0\0\0\0\0",
      91);
  EXPECT_EQ(fold_payload(one), documented);
  EXPECT_EQ(fold_payload_bytes(one), documented.size());
}

TEST_F(LedgerBytes, OwnersComeBackAsTheyWentIn) {
  Family family = sample::families()[sample::kCount];
  family.owner_uid = 1001;
  encode_family(0, family, file_);
  encode_row({0, 0, "a", 1002}, file_);
  encode_row({1, 0, "b"}, file_);
  encode_snapshot_end({1, 2, 0}, file_);
  const Replay result = replay();
  EXPECT_EQ(result.recovered.families, std::vector{family});
  ASSERT_EQ(result.recovered.rows.size(), 2U);
  EXPECT_EQ(result.recovered.rows[0].owner_uid, 1002U);
  EXPECT_EQ(result.recovered.rows[1].owner_uid, kUnknownOwner);
}

// Every field by hand: family and row end where version 2 goes on with the owner.
TEST_F(LedgerBytes, VersionOneHasNoOwners) {
  file_ = sample::version_1(file_);
  std::string family = family_payload(0, sample::families()[sample::kCount]);
  family.resize(family.size() - 4);
  frame(1, family);
  frame(2, std::string("\0\0\0\0\0\0\0\0\x01\0\0\0a", 13));
  encode_snapshot_end({1, 1, 0}, file_);
  const Replay result = replay();
  EXPECT_EQ(result.message, "");
  EXPECT_EQ(result.version, 1U);
  ASSERT_EQ(result.recovered.families.size(), 1U);
  EXPECT_EQ(result.recovered.families[0], sample::families()[sample::kCount]);
  ASSERT_EQ(result.recovered.rows.size(), 1U);
  EXPECT_EQ(result.recovered.rows[0].labels, "a");
  EXPECT_EQ(result.recovered.rows[0].owner_uid, kUnknownOwner);
}

TEST_F(LedgerBytes, VersionOneWithAnOwnerBreaksARule) {
  begin_ledger();
  file_ = sample::version_1(file_);
  begin_ledger();
  expect_left_out("longer than its fields");
}

TEST_F(LedgerBytes, RefusesAFileShorterThanItsHeader) {
  file_.resize(kLedgerHeaderBytes - 1);
  expect_refused("magic");
  file_.clear();
  expect_refused("magic");
}

TEST_F(LedgerBytes, RefusesTheOtherByteOrder) {
  be_of_another_boot();
  std::swap(file_[8], file_[11]);
  std::swap(file_[9], file_[10]);
  expect_refused("byte order");
}

TEST_F(LedgerBytes, RefusesANewerVersion) {
  set_version(kLedgerVersion + 1);
  expect_refused("newer version");
}

TEST_F(LedgerBytes, ADamagedHeaderOfThisBootLosesNoFrame) {
  begin_ledger();
  fold(1, {sample::make_change(0, sample::kCount, 5)});
  const std::string whole = file_;
  for (std::size_t bit = 0; bit < kLedgerHeaderBytes * 8; ++bit) {
    file_ = whole;
    file_[bit / 8] = static_cast<char>(file_[bit / 8] ^ (1 << (bit % 8)));
    const Replay result = replay();
    ASSERT_EQ(result.outcome, ReplayOutcome::kRead) << bit << ": " << result.message;
    ASSERT_EQ(result.recovered.broken_frames, 1U) << bit;
    ASSERT_FALSE(result.recovered.rows.empty()) << bit;
    ASSERT_EQ(result.recovered.rows[0].total.slots[0], 5U) << bit;
  }
}

TEST_F(LedgerBytes, ADamagedHeaderThatNamesAnotherBootIsRefused) {
  be_of_another_boot();
  file_[0] = 'X';
  begin_ledger();
  expect_refused("magic");
}

TEST_F(LedgerBytes, LedgerOfAnotherBootIsNotRead) {
  begin_ledger();
  BootId other = kBoot;
  other[15] ^= 1;
  const Replay result = replay_ledger(as_bytes(file_), other);
  EXPECT_EQ(result.outcome, ReplayOutcome::kOtherBoot);
  EXPECT_TRUE(result.recovered.families.empty());
}

TEST_F(LedgerBytes, AWrongChecksumIsTheTornEnd) {
  begin_ledger();
  const std::size_t whole = file_.size();
  fold(1, {sample::make_change(0, 0, 1)});
  file_[whole + kFrameHeaderBytes + 3] = 'x';
  fold(2, {sample::make_change(0, 0, 1)});
  expect_torn_from(whole);
}

TEST_F(LedgerBytes, ALengthBeyondTheFileIsTheTornEnd) {
  begin_ledger();
  const std::size_t whole = file_.size();
  fold(1, {});
  file_[whole + 4] = static_cast<char>(file_[whole + 4] + 1);
  expect_torn_from(whole);
}

TEST_F(LedgerBytes, AnEnormousLengthIsTheTornEnd) {
  begin_ledger();
  const std::size_t whole = file_.size();
  fold(1, {});
  file_.replace(whole + 4, 4, "\xff\xff\xff\xff");
  expect_torn_from(whole);
}

TEST_F(LedgerBytes, ZeroesAreTheTornEnd) {
  begin_ledger();
  const std::size_t whole = file_.size();
  file_.append(4096, '\0');
  expect_torn_from(whole);
}

TEST_F(LedgerBytes, LeavesOutAnUnknownKind) {
  begin_ledger();
  frame(9, "");
  expect_left_out("kind is unknown");
  EXPECT_THAT(replay().message, HasSubstr("kind 9 at byte"));
}

TEST_F(LedgerBytes, TakesWhatStandsBeforeAndBehindABrokenFrame) {
  begin_ledger();
  fold(1, {sample::make_change(0, 0, 5)});
  frame(9, "");
  fold(2,
       {sample::make_change(0, 0, 7), sample::make_change(99, 0, 1), sample::make_change(1, 1, 2)});
  fold(1, {sample::make_change(0, 0, 5)});
  const Replay result = replay();
  ASSERT_EQ(result.outcome, ReplayOutcome::kRead);
  EXPECT_EQ(result.recovered.broken_frames, 3U);
  EXPECT_EQ(result.recovered.rows[0].total.slots[0], 12U) << "segment 1 counts once";
  EXPECT_EQ(result.recovered.rows[1].total, sample::make_change(1, 1, 2));
  EXPECT_EQ(result.recovered.folded.size(), 2U);
}

TEST_F(LedgerBytes, WithoutADefinitionTheOthersKeepTheirIds) {
  const std::vector<Family> families = sample::families();
  encode_family(0, families[0], file_);
  frame(static_cast<std::uint32_t>(FrameKind::kFamily), "no family");
  encode_family(2, families[2], file_);
  encode_row({0, 0, "a"}, file_);
  encode_row({1, 1, "b"}, file_);  // of the family that is missing
  encode_row({2, 2, "c"}, file_);
  encode_snapshot_end({3, 3, 0}, file_);
  fold(1,
       {sample::make_change(0, 0, 5), sample::make_change(1, 1, 1), sample::make_change(2, 2, 3)});
  const Recovered recovered = replay().recovered;
  EXPECT_THAT(recovered.families, ::testing::ElementsAre(families[0], families[2]));
  ASSERT_EQ(recovered.rows.size(), 2U);
  EXPECT_EQ(recovered.rows[0].total.slots[0], 5U);
  EXPECT_EQ(recovered.rows[1].labels, "c");
  EXPECT_EQ(recovered.rows[1].family, 1U);
  EXPECT_EQ(recovered.rows[1].total.slots, sample::make_change(2, 2, 3).slots);
  EXPECT_EQ(recovered.rows[1].total.row, 1U);
}

TEST_F(LedgerBytes, LeavesOutASnapshotWithoutItsEnd) {
  define_all();
  expect_left_out("snapshot is not whole");
}

TEST_F(LedgerBytes, LeavesOutASnapshotEndOfOtherCounts) {
  define_all();
  encode_snapshot_end({sample::kFamilies, sample::kFamilies + 1, 0}, file_);
  expect_left_out("counts");
}

TEST_F(LedgerBytes, LeavesOutASecondSnapshotEnd) {
  begin_ledger();
  end_snapshot();
  expect_left_out("second end");
}

TEST_F(LedgerBytes, LeavesOutATotalBehindTheSnapshot) {
  begin_ledger();
  encode_total(sample::make_change(0, 0, 1), 1, file_);
  expect_left_out("behind the snapshot");
}

TEST_F(LedgerBytes, LeavesOutAFoldWithinTheSnapshot) {
  define_all();
  fold(1, {});
  expect_left_out("within the snapshot");
}

TEST_F(LedgerBytes, LeavesOutAFamilyThatIsNotTheNext) {
  begin_ledger();
  encode_family(sample::kFamilies + 1, sample::families()[0], file_);
  expect_left_out("not the next");
}

TEST_F(LedgerBytes, LeavesOutARowThatIsNotTheNext) {
  begin_ledger();
  encode_row({0, 0, ""}, file_);
  expect_left_out("not the next");
}

TEST_F(LedgerBytes, LeavesOutARowOfAnUndefinedFamily) {
  begin_ledger();
  encode_row({sample::kFamilies, sample::kFamilies, ""}, file_);
  expect_left_out("family is not defined");
}

TEST_F(LedgerBytes, LeavesOutAFoldOfAnUndefinedRow) {
  begin_ledger();
  fold(1, {sample::make_change(sample::kFamilies, 0, 1)});
  expect_left_out("row is not defined");
}

TEST_F(LedgerBytes, LeavesOutAChangeOfAnotherNumberOfSlots) {
  begin_ledger();
  fold(1, {sample::make_change(sample::kCount, sample::kLatency, 1)});
  expect_left_out("number of slots");
}

TEST_F(LedgerBytes, LeavesOutBucketsOfWhatIsNotNative) {
  begin_ledger();
  RowChange change = sample::make_change(sample::kCount, sample::kCount, 1);
  change.positive = {{1, 1}};
  fold(1, {change});
  expect_left_out("not native");
}

TEST_F(LedgerBytes, LeavesOutBucketsThatDoNotAscend) {
  begin_ledger();
  RowChange change = sample::make_change(sample::kNative, sample::kNative, 1);
  change.negative = {{1, 1}, {1, 1}};
  fold(1, {change});
  expect_left_out("not ascending");
}

TEST_F(LedgerBytes, LeavesOutASecondFoldOfASegment) {
  begin_ledger();
  fold(1, {});
  fold(1, {});
  expect_left_out("folded before");
}

TEST_F(LedgerBytes, LeavesOutTheRemovalOfWhatWasNotFolded) {
  begin_ledger();
  encode_segment(FrameKind::kRemoved, sample::make_segment(1), file_);
  expect_left_out("was not folded");
}

TEST_F(LedgerBytes, LeavesOutAPayloadWithAByteTooMany) {
  const std::string start = file_;
  const std::string payloads[] = {
      family_payload(0, sample::families()[0]),
      payload_of([](std::string& out) {
        encode_snapshot_end({0, 0, 0}, out);
      }),
      payload_of([](std::string& out) {
        encode_segment(FrameKind::kAwaiting, sample::make_segment(1), out);
      }),
  };
  const FrameKind kinds[] = {FrameKind::kFamily, FrameKind::kSnapshotEnd, FrameKind::kAwaiting};
  for (std::size_t i = 0; i < std::size(payloads); ++i) {
    file_ = start;
    frame(static_cast<std::uint32_t>(kinds[i]), payloads[i] + '\0');
    expect_left_out("longer than its fields");
  }
}

TEST_F(LedgerBytes, LeavesOutAFoldCutAtAnyByteAndFramedAgain) {
  begin_ledger();
  const std::string start = file_;
  const std::string whole = fold_payload(
      {sample::make_segment(1), {sample::make_change(sample::kNative, sample::kNative, 3)}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    file_ = start;
    frame(static_cast<std::uint32_t>(FrameKind::kFold), whole.substr(0, size));
    expect_left_out("shorter than its fields");
  }
}

TEST_F(LedgerBytes, LeavesOutAFamilyCutAtAnyByteAndFramedAgain) {
  const std::string start = file_;
  const std::string whole = family_payload(0, sample::families()[sample::kLatency]);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    file_ = start;
    frame(static_cast<std::uint32_t>(FrameKind::kFamily), whole.substr(0, size));
    expect_left_out("frame of kind 1");
  }
}

TEST_F(LedgerBytes, ACountWithoutItsBytesAsksForNoMemory) {
  begin_ledger();
  std::string payload = fold_payload({sample::make_segment(1), {sample::make_change(0, 0, 1)}});
  payload.replace(payload.size() - 20, 4, "\xff\xff\xff\xff");  // its number of slots
  frame(static_cast<std::uint32_t>(FrameKind::kFold), payload);
  expect_left_out("shorter than its fields");
}

struct FamilyRule {
  const char* words;
  void (*spoil)(Family& family);
};

class FamilyRules : public LedgerBytes, public ::testing::WithParamInterface<FamilyRule> {};

TEST_P(FamilyRules, IsKept) {
  Family family = sample::families()[sample::kLatency];
  GetParam().spoil(family);
  encode_family(0, family, file_);
  expect_left_out(GetParam().words);
  EXPECT_STREQ(family_fault(sample::families()[sample::kLatency]), nullptr);
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

INSTANTIATE_TEST_SUITE_P(
    All, FamilyRules,
    ::testing::Values(
        FamilyRule{"name is empty", [](Family& f) { f.name.clear(); }},
        FamilyRule{"type is unknown", [](Family& f) { f.type = static_cast<MetricType>(5); }},
        FamilyRule{"number is unknown", [](Family& f) { f.number = static_cast<Number>(3); }},
        FamilyRule{"combine is unknown", [](Family& f) { f.combine = static_cast<Combine>(5); }},
        FamilyRule{"schema", [](Family& f) { f.schema = 9; }},
        FamilyRule{"schema", [](Family& f) { f.schema = -5; }},
        FamilyRule{"zero threshold", [](Family& f) { f.zero_threshold = kNan; }},
        FamilyRule{"zero threshold", [](Family& f) { f.zero_threshold = -1; }},
        FamilyRule{"zero threshold", [](Family& f) { f.zero_threshold = kInfinity; }},
        FamilyRule{"bound is not finite", [](Family& f) { f.bounds.back() = kInfinity; }},
        FamilyRule{"bound is not finite", [](Family& f) { f.bounds[1] = kNan; }},
        FamilyRule{"do not increase", [](Family& f) { f.bounds[1] = f.bounds[0]; }},
        FamilyRule{"too many bounds", [](Family& f) { f.bounds.resize(257); }},
        FamilyRule{"no histogram", [](Family& f) { f.type = MetricType::kCounter; }}));

// What is not a number, or grows beyond all numbers, must not eat what was counted before.
TEST(LedgerAddition, ADoubleThatIsNotFiniteAddsNothing) {
  const Family family = sample::families()[sample::kSeconds];
  for (const double amount : {kNan, kInfinity, -kInfinity, 1.7e308}) {
    RowChange total = sample::make_change(0, sample::kSeconds, 0);
    total.slots[0] = sample::bits(1e308);
    RowChange change = total;
    change.slots[0] = sample::bits(amount);
    add_change(family, change, total);
    EXPECT_EQ(std::bit_cast<double>(total.slots[0]), 1e308) << amount;
  }
}

TEST(LedgerAddition, CountsStopAtTheEndOfTheirRange) {
  RowChange total = sample::make_change(0, sample::kCount, ~std::uint64_t{0} - 1);
  add_change(sample::families()[sample::kCount], sample::make_change(0, 0, 3), total);
  EXPECT_EQ(total.slots[0], ~std::uint64_t{0});
}

TEST(LedgerAddition, BucketsStopWhereAPageCanStillSayThem) {
  const Family family = sample::families()[sample::kNative];
  RowChange total = empty_total(family, 0);
  RowChange change = total;
  change.slots[0] = kMostBucketSum - 1;
  change.positive = {{3, kMostBucketSum - 2}};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(change_fault(family, total), nullptr);
    add_change(family, change, total);
  }
  EXPECT_EQ(total.slots[0], kMostBucketSum);
  EXPECT_EQ(total.positive, (decltype(total.positive){{3, kMostBucketSum}}));
}

TEST(LedgerAddition, ABucketThatNoPageCanSayIsAFault) {
  const Family native = sample::families()[sample::kNative];
  RowChange change = empty_total(native, 0);
  change.negative = {{-3, std::uint64_t{1} << 63U}};
  EXPECT_STREQ(change_fault(native, change), "a bucket's count is past 2^62");
  Family classic;
  classic.type = MetricType::kHistogram;
  classic.bounds = {1, 2};
  change = empty_total(classic, 0);
  change.slots[2] = kMostBucketSum;
  change.slots[3] = ~std::uint64_t{0};  // the sum: a double's bits
  EXPECT_EQ(change_fault(classic, change), nullptr);
  change.slots[0] = kMostBucketSum + 1;
  EXPECT_STREQ(change_fault(classic, change), "a bucket's count is past 2^62");
}

TEST(LedgerAddition, NativeBucketsMergeByIndex) {
  RowChange total = empty_total(sample::families()[sample::kNative], 0);
  RowChange change = total;
  change.positive = {{-1, 1}, {2, 2}};
  add_change(sample::families()[sample::kNative], change, total);
  change.positive = {{-5, 7}, {2, 3}, {9, 1}};
  add_change(sample::families()[sample::kNative], change, total);
  const decltype(change.positive) merged = {{-5, 7}, {-1, 1}, {2, 5}, {9, 1}};
  EXPECT_EQ(total.positive, merged);
}

double gauge_after(Combine combine, double first, double second) {
  const Family family = sample::make_family("g", MetricType::kGauge, Number::kFloat, combine);
  RowChange total = empty_total(family, 0);
  RowChange change = total;
  for (const double value : {first, second}) {
    change.slots[0] = sample::gauge_bits(value);
    add_change(family, change, total);
  }
  return std::bit_cast<double>(~total.slots[0]);
}

TEST(LedgerAddition, GaugesCombineByTheirMode) {
  EXPECT_EQ(gauge_after(Combine::kSum, 2, -5), -3);
  EXPECT_EQ(gauge_after(Combine::kMin, 2, -5), -5);
  EXPECT_EQ(gauge_after(Combine::kMax, 2, -5), 2);
  EXPECT_EQ(gauge_after(Combine::kEach, 2, -5), -5);
  EXPECT_EQ(gauge_after(Combine::kSum, 2, kNan), 2);
}

TEST(LedgerAddition, AGaugeWithoutValueChangesNothing) {
  for (const Combine combine : {Combine::kSum, Combine::kMin, Combine::kMax, Combine::kEach}) {
    const Family family = sample::make_family("g", MetricType::kGauge, Number::kFloat, combine);
    RowChange total = empty_total(family, 0);
    total.slots[0] = sample::gauge_bits(4);
    add_change(family, empty_total(family, 0), total);
    EXPECT_EQ(total.slots[0], sample::gauge_bits(4));
  }
}

TEST(LedgerAddition, TheLastGaugeGoesByItsTimeNotByItsOrder) {
  const Family family = sample::families()[sample::kLastGauge];
  RowChange total = empty_total(family, 0);
  for (const std::uint64_t n : {5U, 9U, 2U}) {
    add_change(family, sample::make_change(0, sample::kLastGauge, n), total);
  }
  EXPECT_EQ(total, sample::make_change(0, sample::kLastGauge, 9));
}

}  // namespace
}  // namespace notch::agent
