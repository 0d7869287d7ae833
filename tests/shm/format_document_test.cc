// Holds shm/FORMAT.md and shm/layout.h together: every row of the document's tables against the
// struct's member, and every member against the document.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "shm/layout.h"

namespace notch::shm {
namespace {

struct Place {
  std::size_t offset = 0;
  std::size_t width = 0;
  bool operator==(const Place&) const = default;
};

using Fields = std::map<std::string, Place>;

#define FIELD(type, name)                      \
  {                                            \
#name, {                                   \
      offsetof(type, name), sizeof(type::name) \
    }                                          \
  }

const std::map<std::string, Fields>& code() {
  static const std::map<std::string, Fields> structs = {
      {"SegmentHeader",
       {FIELD(SegmentHeader, magic),
        FIELD(SegmentHeader, major),
        FIELD(SegmentHeader, minor),
        FIELD(SegmentHeader, byte_order),
        FIELD(SegmentHeader, header_bytes),
        FIELD(SegmentHeader, state),
        FIELD(SegmentHeader, file_bytes),
        FIELD(SegmentHeader, catalogue_offset),
        FIELD(SegmentHeader, catalogue_capacity),
        FIELD(SegmentHeader, catalogue_used),
        FIELD(SegmentHeader, values_offset),
        FIELD(SegmentHeader, column_stride),
        FIELD(SegmentHeader, column_capacity),
        FIELD(SegmentHeader, counting_mode),
        FIELD(SegmentHeader, cell_capacity),
        FIELD(SegmentHeader, cells_committed),
        FIELD(SegmentHeader, exemplar_offset),
        FIELD(SegmentHeader, exemplar_slots),
        FIELD(SegmentHeader, exemplar_slot_bytes),
        FIELD(SegmentHeader, boot_id),
        FIELD(SegmentHeader, pid),
        FIELD(SegmentHeader, uid),
        FIELD(SegmentHeader, start_time_ticks),
        FIELD(SegmentHeader, pid_namespace),
        FIELD(SegmentHeader, created_unix_ns),
        FIELD(SegmentHeader, segment_id),
        FIELD(SegmentHeader, lineage_key),
        FIELD(SegmentHeader, reserved0),
        FIELD(SegmentHeader, exemplar_next),
        FIELD(SegmentHeader, drops),
        FIELD(SegmentHeader, column_bitmap),
        FIELD(SegmentHeader, service),
        FIELD(SegmentHeader, executable),
        FIELD(SegmentHeader, reserved1)}},
      {"RecordHeader",
       {FIELD(RecordHeader, bytes), FIELD(RecordHeader, kind), FIELD(RecordHeader, reserved)}},
      {"StringRecord",
       {FIELD(StringRecord, header), FIELD(StringRecord, length), FIELD(StringRecord, reserved)}},
      {"BoundsRecord",
       {FIELD(BoundsRecord, header), FIELD(BoundsRecord, count), FIELD(BoundsRecord, reserved)}},
      {"FamilyRecord",
       {FIELD(FamilyRecord, header), FIELD(FamilyRecord, family), FIELD(FamilyRecord, type),
        FIELD(FamilyRecord, number), FIELD(FamilyRecord, gauge_mode), FIELD(FamilyRecord, schema),
        FIELD(FamilyRecord, name), FIELD(FamilyRecord, help), FIELD(FamilyRecord, unit),
        FIELD(FamilyRecord, bounds), FIELD(FamilyRecord, label_count),
        FIELD(FamilyRecord, quiet_labels), FIELD(FamilyRecord, zero_threshold)}},
      {"SeriesRecord",
       {FIELD(SeriesRecord, header), FIELD(SeriesRecord, series), FIELD(SeriesRecord, family),
        FIELD(SeriesRecord, first_cell), FIELD(SeriesRecord, cell_count),
        FIELD(SeriesRecord, flags), FIELD(SeriesRecord, label_count)}},
      {"ChunkRecord",
       {FIELD(ChunkRecord, header), FIELD(ChunkRecord, series), FIELD(ChunkRecord, chunk),
        FIELD(ChunkRecord, negative), FIELD(ChunkRecord, first_cell)}},
      {"ExemplarSlot",
       {FIELD(ExemplarSlot, sequence), FIELD(ExemplarSlot, cell), FIELD(ExemplarSlot, reserved),
        FIELD(ExemplarSlot, value_bits), FIELD(ExemplarSlot, unix_time_ns),
        FIELD(ExemplarSlot, trace_id), FIELD(ExemplarSlot, span_id),
        FIELD(ExemplarSlot, reserved2)}},
  };
  return structs;
}

const std::map<std::string, std::size_t>& sizes() {
  static const std::map<std::string, std::size_t> table = {
      {"SegmentHeader", sizeof(SegmentHeader)}, {"RecordHeader", sizeof(RecordHeader)},
      {"StringRecord", sizeof(StringRecord)},   {"BoundsRecord", sizeof(BoundsRecord)},
      {"FamilyRecord", sizeof(FamilyRecord)},   {"SeriesRecord", sizeof(SeriesRecord)},
      {"ChunkRecord", sizeof(ChunkRecord)},     {"ExemplarSlot", sizeof(ExemplarSlot)}};
  return table;
}

// The tables of a document by the struct's name, which is the heading above.
std::map<std::string, Fields> tables(const std::string& document) {
  static const std::regex heading(R"(^#+ (\w+)$)");
  static const std::regex row(R"(^\| (\d+) \| (\d+) \| [\w\[\]]+ \| (\w+) \| .*\|$)");
  std::map<std::string, Fields> found;
  std::string name;
  std::istringstream lines(document);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, heading)) name = match[1];
    if (std::regex_match(line, match, row)) {
      found[name][match[3]] = {std::stoul(match[1]), std::stoul(match[2])};
    }
  }
  return found;
}

std::string document() {
  std::ifstream file(NOTCH_SOURCE_DIR "/shm/FORMAT.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(FormatDocument, HasATableForEveryStruct) {
  const auto written = tables(document());
  for (const auto& [name, fields] : code()) EXPECT_TRUE(written.contains(name)) << name;
  for (const auto& [name, fields] : written) EXPECT_TRUE(code().contains(name)) << name;
}

TEST(FormatDocument, SaysWhereEveryFieldIs) {
  const auto written = tables(document());
  for (const auto& [name, fields] : code()) {
    ASSERT_TRUE(written.contains(name)) << name;
    for (const auto& [field, place] : fields) {
      ASSERT_TRUE(written.at(name).contains(field)) << name << "::" << field;
      EXPECT_EQ(written.at(name).at(field).offset, place.offset) << name << "::" << field;
      EXPECT_EQ(written.at(name).at(field).width, place.width) << name << "::" << field;
    }
    EXPECT_EQ(written.at(name).size(), fields.size()) << name << " has a row that is no field";
  }
}

TEST(FormatDocument, LeavesNoGapAndNoOverlap) {
  for (const auto& [name, fields] : tables(document())) {
    std::map<std::size_t, std::size_t> by_offset;
    for (const auto& [field, place] : fields) by_offset[place.offset] = place.width;
    std::size_t end = 0;
    for (const auto& [offset, width] : by_offset) {
      EXPECT_EQ(offset, end) << name;
      end = offset + width;
    }
    EXPECT_EQ(end, sizes().at(name)) << name;
  }
}

TEST(FormatDocument, NamesTheConstants) {
  const std::string text = document();
  for (const char* said : {"0x4745534843544f4e", "0x01020304", "`NOTCHSEG`", "version 1.1"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said;
  }
  EXPECT_EQ(kMagic, 0x4745534843544f4eU);
  EXPECT_EQ(kByteOrder, 0x01020304U);
  EXPECT_EQ(kMajorVersion, 1);
  EXPECT_EQ(kMinorVersion, 1);
}

// The checker itself: a table that is off by one is noticed.
TEST(FormatDocument, ReadsTablesAsWritten) {
  const auto found = tables("## ChunkRecord\n\n| 9 | 4 | u32 | series | an id |\n");
  EXPECT_EQ(found.at("ChunkRecord").at("series"), (Place{9, 4}));
  EXPECT_NE(found.at("ChunkRecord").at("series").offset,
            code().at("ChunkRecord").at("series").offset);
}

}  // namespace
}  // namespace notch::shm
