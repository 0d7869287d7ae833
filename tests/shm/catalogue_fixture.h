// A segment made by hand and the reader over it, for tests of one rule each.
// Called by: catalogue_follower_test, series_rules_test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "shm/segment_reader.h"
#include "tests/shm/collecting_sink.h"
#include "tests/shm/segment_builder.h"

namespace notch::shm {

using testing::counter;
using testing::FamilySpec;
using testing::gauge;
using testing::histogram;
using testing::native_histogram;
using testing::up_down_counter;

class CatalogueFollowerTest : public ::testing::Test {
 protected:
  Fault attach() { return reader_.attach(segment_.bytes(), limits_); }
  Fault follow() { return reader_.follow(sink_); }
  Fault outcome() {
    EXPECT_EQ(attach(), Fault::kNone);
    return follow();
  }

  // A family whose record is in hand for patching.
  FamilyRecord& family_record(const FamilySpec& spec) {
    segment_.new_family(spec);
    return segment_.last_record<FamilyRecord>();
  }
  SeriesRecord& series_record(const FamilySpec& spec, const std::vector<std::string>& values = {}) {
    segment_.new_series(segment_.new_family(spec), values);
    return segment_.last_record<SeriesRecord>();
  }
  ChunkRecord& chunk_record() {
    segment_.new_chunk(segment_.new_series(segment_.new_family(native_histogram("sizes", 3))), 0);
    return segment_.last_record<ChunkRecord>();
  }
  // Where the next record would begin.
  std::uint32_t next_offset() {
    return static_cast<std::uint32_t>(segment_.header().catalogue_used);
  }

  testing::SegmentBuilder segment_;
  testing::CollectingSink sink_;
  SegmentReader reader_;
  ReaderLimits limits_;
};

}  // namespace notch::shm
