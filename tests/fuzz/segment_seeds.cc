// Writes the seeds of segment_reader_corpus: small whole segments, one for each kind of family, and
// a few that are broken in one place.
// Called by: hand, as `segment_seeds DIRECTORY`, when the layout or the builder changes.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "tests/shm/segment_builder.h"

namespace notch::testing {
namespace {

using namespace shm;

SegmentBuilder small_segment() {
  SegmentShape shape;
  shape.catalogue_bytes = 1024;
  shape.cells = 80;
  shape.columns = 2;
  shape.exemplar_slots = 2;
  shape.alignment = 8;
  return SegmentBuilder(shape);
}

bool write(const std::string& directory, const char* name, const SegmentBuilder& segment) {
  std::ofstream file(directory + "/" + name, std::ios::binary);
  const auto bytes = segment.bytes();
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

// Where the agent first looked; see segment_reader_fuzz.cc.
void first_step_ends_here(SegmentBuilder& segment) {
  const auto used = static_cast<std::uint32_t>(segment.header().catalogue_used);
  std::memcpy(segment.header().lineage_key, &used, sizeof(used));
}

SegmentBuilder counters() {
  SegmentBuilder segment = small_segment();
  const std::uint32_t family = segment.new_family(counter("requests_total", {"method", "code"}));
  const std::uint32_t series = segment.new_series(family, {"GET", "200"});
  first_step_ends_here(segment);
  segment.new_series(family, {"POST", "500"});
  segment.new_overflow_series(family);
  segment.new_family(up_down_counter("queue_length"));
  segment.new_series(1);
  segment.set_cell(0, segment.first_cell(series), 3);
  segment.set_cell(1, segment.first_cell(series), 4);
  return segment;
}

SegmentBuilder gauges() {
  SegmentBuilder segment = small_segment();
  segment.new_series(segment.new_family(gauge("depth", GaugeMode::kMax, {"queue"})), {"in"});
  first_step_ends_here(segment);
  segment.new_series(segment.new_family(gauge("temperature", GaugeMode::kLast)));
  segment.set_gauge(kFirstFreeCell, 2.5);
  return segment;
}

SegmentBuilder classic_histogram() {
  SegmentBuilder segment = small_segment();
  const std::uint32_t family = segment.new_family(histogram("latency_seconds", {0.1, 0.5, 2}));
  const std::uint32_t series = segment.new_series(family);
  const std::uint32_t cell = segment.first_cell(series);
  segment.set_cell(1, cell + 1, 9);
  segment.set_float_cell(1, cell + 4, 3.75);
  for (int i = 0; i < 3; ++i) segment.new_exemplar(cell + 1, 0.25, 1'700'000'000'000'000'000);
  return segment;
}

SegmentBuilder native() {
  SegmentBuilder segment = small_segment();
  const std::uint32_t series = segment.new_series(segment.new_family(native_histogram("sizes", 3)));
  first_step_ends_here(segment);
  segment.set_cell(0, segment.new_chunk(series, 0), 1);
  segment.set_cell(1, segment.new_chunk(series, -2, true), 1);
  return segment;
}

bool write_all(const std::string& directory) {
  SegmentBuilder cut = counters();
  cut.cut(cut.bytes().size() - 64);
  SegmentBuilder unknown = counters();
  unknown.new_record(99, {});
  SegmentBuilder misnamed = classic_histogram();
  misnamed.new_family(counter("late_total"));
  misnamed.last_record<FamilyRecord>().name += 8;
  return write(directory, "empty", small_segment()) && write(directory, "counters", counters()) &&
         write(directory, "gauges", gauges()) &&
         write(directory, "classic_histogram", classic_histogram()) &&
         write(directory, "native_histogram", native()) && write(directory, "cut", cut) &&
         write(directory, "unknown_kind", unknown) && write(directory, "misnamed", misnamed);
}

}  // namespace
}  // namespace notch::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  return notch::testing::write_all(argv[1]) ? 0 : 1;
}
