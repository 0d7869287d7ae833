// Holds the SegmentReader to the golden segment: what it reads is what golden_segment.json says, as
// the second reader (segment_reader.py) is held to it. Both sides are laid out as lines of one
// number or text each; doubles are compared by their bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "shm/segment_reader.h"
#include "tests/shm/collecting_sink.h"

namespace notch::shm {
namespace {

using boost::property_tree::ptree;
using testing::CollectingSink;
using Lines = std::map<std::string, std::string>;

std::string exact(double value) {
  return std::to_string(std::bit_cast<std::uint64_t>(value));
}

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte / 16];
    text += "0123456789abcdef"[byte % 16];
  }
  return text.find_first_not_of('0') == std::string::npos ? "" : text;
}

std::string joined(const std::string& name, const std::vector<std::string>& labels, bool overflow) {
  std::string key = name + "{";
  for (const std::string& label : labels) key += label + ";";
  return key + (overflow ? "overflow}" : "}");
}

// --- what is expected ---

std::vector<std::string> texts(const ptree& list) {
  std::vector<std::string> found;
  for (const auto& [key, item] : list) found.push_back(item.data());
  return found;
}

std::string number(const ptree& tree, bool is_float) {
  if (tree.data() == "null") return "";
  return is_float ? exact(std::strtod(tree.data().c_str(), nullptr)) : tree.data();
}

void lay_out_series(const std::string& key, const ptree& series, bool is_float, Lines& lines) {
  for (const auto& [field, part] : series) {
    if (field == "labels" || field == "overflow") continue;
    if (field == "value" || field == "sum") {
      lines[key + field] = number(part, is_float || field == "sum");
    } else if (part.empty()) {  // a number, or a side without buckets
      if (!part.data().empty()) lines[key + field] = part.data();
    } else {
      int place = 0;  // buckets are a list, sides are by bucket
      for (const auto& [bucket, count] : part) {
        lines[key + field + (bucket.empty() ? std::to_string(place++) : bucket)] = count.data();
      }
    }
  }
}

Lines expected_families(const ptree& document) {
  Lines lines;
  for (const auto& [no_key, family] : document.get_child("families")) {
    const std::string name = family.get<std::string>("name");
    for (const char* field : {"help", "unit", "type", "number", "gauge_mode", "schema"}) {
      lines[name + " " + field] = family.get<std::string>(field);
    }
    lines[name + " zero_threshold"] = number(family.get_child("zero_threshold"), true);
    int place = 0;
    for (const auto& [key, bound] : family.get_child("bounds")) {
      lines[name + " bound " + std::to_string(place++)] = number(bound, true);
    }
    lines[name + " labels"] = joined("", texts(family.get_child("label_names")), false);
    const bool is_float = family.get<std::string>("number") == "float";
    for (const auto& [key, series] : family.get_child("series")) {
      lay_out_series(joined(name, texts(series.get_child("labels")), series.get<bool>("overflow")),
                     series, is_float, lines);
    }
  }
  return lines;
}

// --- what is read ---

const char* const kTypes[] = {"",      "counter",   "up-down counter",
                              "gauge", "histogram", "native histogram"};
const char* const kNumbers[] = {"", "unsigned", "float", "signed"};
const char* const kModes[] = {"", "sum", "min", "max", "last", "each"};

// One series, its doubled records added up.
struct Total {
  std::vector<std::uint64_t> integers;
  double floats = 0;
  std::vector<std::pair<std::uint64_t, double>> sets;  // time and value of every gauge that was set
  std::map<std::string, std::uint64_t> buckets;        // by side and number
};

double combined(GaugeMode mode, const std::vector<std::pair<std::uint64_t, double>>& sets) {
  double value = sets.front().second;
  for (std::size_t i = 1; i < sets.size(); ++i) {
    const double other = sets[i].second;
    if (mode == GaugeMode::kMin) value = std::min(value, other);
    if (mode == GaugeMode::kMax) value = std::max(value, other);
    if (mode == GaugeMode::kSum || mode == GaugeMode::kEach) value += other;
  }
  return mode == GaugeMode::kLast ? std::ranges::max(sets).second : value;
}

class GoldenSegment : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(NOTCH_SOURCE_DIR "/tests/shm/golden_segment.notch", std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    const std::string golden = bytes.str();
    words_.resize(golden.size() / sizeof(std::uint64_t));
    std::memcpy(words_.data(), golden.data(), words_.size() * sizeof(std::uint64_t));
    read_json(NOTCH_SOURCE_DIR "/tests/shm/golden_segment.json", expected_);
    ASSERT_EQ(reader_.attach(std::as_bytes(std::span(words_)), {}), Fault::kNone);
    ASSERT_EQ(reader_.follow(sink_), Fault::kNone);
    reader_.begin_round();
  }

  std::uint64_t integer(std::uint32_t cell) const {
    std::uint64_t value = 0;
    reader_.add_cells(cell, std::span(&value, 1));
    return value;
  }

  double floating(std::uint32_t cell) const {
    double value = 0;
    reader_.add_float_cells(cell, std::span(&value, 1));
    return value;
  }

  void add_series(const FamilyEntry& family, const SeriesEntry& series, Total& total) const {
    const std::uint32_t last = series.first_cell + series.cell_count - 1;
    if (family.type == FamilyType::kGauge) {
      const std::uint64_t cell = reader_.shared_cell(series.first_cell);
      const bool timed = family.gauge_mode == GaugeMode::kLast;
      if (cell == 0) return;
      total.sets.emplace_back(timed ? reader_.shared_cell(last) : 0,
                              std::bit_cast<double>(cell ^ kGaugeMask));
      return;
    }
    const bool is_histogram =
        family.type == FamilyType::kHistogram || family.type == FamilyType::kNativeHistogram;
    const bool ends_in_float = is_histogram || family.number == NumberKind::kFloat;
    total.integers.resize(series.cell_count - (ends_in_float ? 1 : 0));
    reader_.add_cells(series.first_cell, total.integers);
    if (ends_in_float) total.floats += floating(last);
  }

  void add_chunk(const ChunkEntry& chunk, Total& total) const {
    for (std::uint32_t i = 0; i < kChunkBuckets; ++i) {
      const std::int32_t bucket =
          chunk.chunk * static_cast<std::int32_t>(kChunkBuckets) + static_cast<std::int32_t>(i);
      const std::uint64_t count = integer(chunk.first_cell + i);
      if (count == 0) continue;
      total.buckets[(chunk.negative ? "negative" : "positive") + std::to_string(bucket)] += count;
    }
  }

  static void lay_out(const FamilyEntry& family, const std::string& key, const Total& total,
                      Lines& lines) {
    switch (family.type) {
      case FamilyType::kGauge:
        lines[key + "value"] =
            total.sets.empty() ? "" : exact(combined(family.gauge_mode, total.sets));
        if (family.gauge_mode == GaugeMode::kLast) {
          lines[key + "set_monotonic_ns"] = std::to_string(std::ranges::max(total.sets).first);
        }
        return;
      case FamilyType::kUpDownCounter:
        lines[key + "value"] = std::to_string(static_cast<std::int64_t>(total.integers[0]));
        return;
      case FamilyType::kCounter:
        lines[key + "value"] = family.number == NumberKind::kFloat
                                   ? exact(total.floats)
                                   : std::to_string(total.integers[0]);
        return;
      case FamilyType::kHistogram:
        for (std::size_t i = 0; i < total.integers.size(); ++i) {
          lines[key + "buckets" + std::to_string(i)] = std::to_string(total.integers[i]);
        }
        break;
      case FamilyType::kNativeHistogram:
        lines[key + "zero_count"] = std::to_string(total.integers[0]);
        for (const auto& [bucket, count] : total.buckets) {
          lines[key + bucket] = std::to_string(count);
        }
    }
    lines[key + "sum"] = exact(total.floats);
  }

  Lines read_families() const {
    Lines lines;
    std::map<std::string, std::pair<const FamilyEntry*, Total>> totals;
    std::vector<std::string> key_of;
    for (const FamilyEntry& family : sink_.families) {
      const std::string& name = family.name;
      lines[name + " help"] = family.help;
      lines[name + " unit"] = family.unit;
      lines[name + " type"] = kTypes[static_cast<int>(family.type)];
      lines[name + " number"] = kNumbers[static_cast<int>(family.number)];
      lines[name + " gauge_mode"] = kModes[static_cast<int>(family.gauge_mode)];
      lines[name + " schema"] = std::to_string(family.schema);
      lines[name + " zero_threshold"] = exact(family.zero_threshold);
      lines[name + " labels"] = joined("", family.label_names, false);
      for (std::size_t i = 0; i < family.bounds.size(); ++i) {
        lines[name + " bound " + std::to_string(i)] = exact(family.bounds[i]);
      }
    }
    for (const SeriesEntry& series : sink_.series) {
      const FamilyEntry& family = sink_.families[series.family];
      key_of.push_back(joined(family.name, series.label_values, series.overflow));
      auto& [of_family, total] = totals[key_of.back()];
      of_family = &family;
      add_series(family, series, total);
    }
    for (const ChunkEntry& chunk : sink_.chunks) {
      add_chunk(chunk, totals[key_of[chunk.series]].second);
    }
    for (const auto& [key, total] : totals) lay_out(*total.first, key, total.second, lines);
    return lines;
  }

  std::vector<std::uint64_t> words_;
  ptree expected_;
  SegmentReader reader_;
  CollectingSink sink_;
};

TEST_F(GoldenSegment, HasTheExpectedFamilies) {
  const Lines expected = expected_families(expected_);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(read_families(), expected);
}

TEST_F(GoldenSegment, HasTheExpectedHeader) {
  const ptree& header = expected_.get_child("header");
  const SegmentInfo& info = reader_.info();
  const auto expect = [&header](const char* field, std::uint64_t value) {
    EXPECT_EQ(value, header.get<std::uint64_t>(field)) << field;
  };
  expect("state", static_cast<std::uint64_t>(reader_.state()));
  expect("counting_mode", static_cast<std::uint64_t>(info.counting_mode));
  expect("file_bytes", info.file_bytes);
  expect("column_capacity", info.column_capacity);
  expect("cell_capacity", info.cell_capacity);
  expect("pid", info.pid);
  expect("uid", info.uid);
  expect("start_time_ticks", info.start_time_ticks);
  expect("pid_namespace", info.pid_namespace);
  expect("created_unix_ns", info.created_unix_ns);
  EXPECT_EQ(hex(info.boot_id), header.get<std::string>("boot_id"));
  EXPECT_EQ(hex(info.segment_id), header.get<std::string>("segment_id"));
  EXPECT_EQ(hex(info.lineage_key), header.get<std::string>("lineage_key"));
  EXPECT_EQ(info.service, header.get<std::string>("service"));
  EXPECT_EQ(info.executable, header.get<std::string>("executable"));
}

TEST_F(GoldenSegment, HasTheExpectedDrops) {
  const std::pair<const char*, DropReason> reasons[] = {
      {"cardinality", DropReason::kCardinality},
      {"no cells", DropReason::kNoCells},
      {"catalogue full", DropReason::kCatalogueFull},
      {"not finite", DropReason::kNotFinite},
      {"negative", DropReason::kNegative},
      {"label too long", DropReason::kLabelTooLong},
      {"wrong label count", DropReason::kWrongLabelCount},
      {"invalid definition", DropReason::kInvalidDefinition},
      {"conflict", DropReason::kConflict},
      {"re-entered", DropReason::kReentered},
      {"exemplar slot busy", DropReason::kExemplarBusy},
  };
  EXPECT_EQ(std::size(reasons), expected_.get_child("drops").size());
  for (const auto& [name, reason] : reasons) {
    EXPECT_EQ(reader_.drops(reason), expected_.get<std::uint64_t>(std::string("drops.") + name));
  }
}

TEST_F(GoldenSegment, HasTheExpectedSumsOfNullHandles) {
  const ptree& sums = expected_.get_child("null_handles");
  EXPECT_EQ(integer(kNullIntegerCell), sums.get<std::uint64_t>("integers"));
  EXPECT_EQ(floating(kNullFloatCell), sums.get<double>("doubles"));
  EXPECT_EQ(std::bit_cast<double>(reader_.shared_cell(kNullGaugeCell) ^ kGaugeMask),
            sums.get<double>("gauge"));
}

TEST_F(GoldenSegment, HasTheExpectedExemplarsOldestFirst) {
  using Exemplar = std::tuple<std::uint64_t, double, std::uint64_t, std::string, std::string>;
  std::vector<Exemplar> expected;
  for (const auto& [key, exemplar] : expected_.get_child("exemplars")) {
    expected.emplace_back(exemplar.get<std::uint64_t>("cell"), exemplar.get<double>("value"),
                          exemplar.get<std::uint64_t>("unix_time_ns"),
                          exemplar.get<std::string>("trace_id"),
                          exemplar.get<std::string>("span_id"));
  }
  std::vector<ExemplarEntry> entries;
  reader_.exemplars(entries);
  std::vector<Exemplar> read;
  for (const ExemplarEntry& entry : entries) {
    read.emplace_back(entry.cell, entry.value, entry.unix_time_ns, hex(entry.trace_id),
                      hex(entry.span_id));
  }
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(read, expected);
}

// What a broken rule of FORMAT.md's list may be called.
bool is_of_rule(Fault fault, int rule) {
  switch (fault) {
    case Fault::kNotASegment:
    case Fault::kOtherByteOrder:
    case Fault::kBeingBuilt:
    case Fault::kNewerVersion:
    case Fault::kOlderVersion:
      return rule == 2;
    case Fault::kTooShort:
      return rule == 3;
    case Fault::kBadGeometry:
      return rule >= 2 && rule <= 4;
    case Fault::kBadRecord:
      return rule == 5 || rule == 6;
    default:
      return false;
  }
}

TEST_F(GoldenSegment, IsRefusedWithEveryFaultTheSecondReaderRefuses) {
  ptree faults;
  read_json(NOTCH_SOURCE_DIR "/tests/shm/golden_segment_faults.json", faults);
  ASSERT_FALSE(faults.get_child("faults").empty());
  for (const auto& [key, fault] : faults.get_child("faults")) {
    std::vector<std::uint64_t> broken = words_;
    const auto bytes = std::as_writable_bytes(std::span(broken));
    const std::string wrong = fault.get<std::string>("bytes");
    for (std::size_t i = 0; i < wrong.size() / 2; ++i) {
      bytes[fault.get<std::size_t>("offset") + i] =
          static_cast<std::byte>(std::stoi(wrong.substr(2 * i, 2), nullptr, 16));
    }
    SegmentReader reader;
    CollectingSink sink;
    Fault found = reader.attach(bytes, {});
    if (found == Fault::kNone) found = reader.follow(sink);
    EXPECT_TRUE(is_of_rule(found, fault.get<int>("rule")))
        << fault.get<std::string>("what") << ": " << fault_name(found);
  }
}

}  // namespace
}  // namespace notch::shm
