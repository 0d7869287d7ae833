// Any bytes as a segment: attached, followed in two steps, and then used as the agent would use it.
// Called by: libFuzzer (preset `fuzz`), and corpus_replay in every preset.
//
// The first step's length of the catalogue comes from the header's reserved bytes, so that the
// input decides where a writer stood when the agent first looked.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "shm/segment_reader.h"
#include "tests/shm/collecting_sink.h"

namespace notch::testing {
namespace {

using namespace shm;

void demand(bool condition) {
  if (!condition) std::abort();
}

// CAE1, seen from outside.
void check_entries(const CollectingSink& sink, std::uint64_t cell_capacity) {
  std::uint64_t cells = 0;
  for (const FamilyEntry& family : sink.families) {
    demand(family.label_names.size() <= kMaxLabels && family.bounds.size() <= kMaxBounds);
    for (std::size_t i = 0; i < family.bounds.size(); ++i) {
      demand(std::isfinite(family.bounds[i]));
      demand(i == 0 || family.bounds[i - 1] < family.bounds[i]);
    }
  }
  for (const SeriesEntry& series : sink.series) {
    const FamilyEntry& family = sink.families.at(series.family);
    demand(series.overflow ? series.label_values.empty()
                           : series.label_values.size() == family.label_names.size());
    demand(series.first_cell >= kFirstFreeCell);
    demand(std::uint64_t{series.first_cell} + series.cell_count <= cell_capacity);
    cells += series.cell_count;
  }
  for (const ChunkEntry& chunk : sink.chunks) {
    const SeriesEntry& series = sink.series.at(chunk.series);
    demand(sink.families.at(series.family).type == FamilyType::kNativeHistogram);
    demand(std::uint64_t{chunk.first_cell} + kChunkBuckets <= cell_capacity);
    cells += kChunkBuckets;
  }
  demand(cells <= cell_capacity);
}

void use_series(const SegmentReader& reader, const CollectingSink& sink) {
  for (const SeriesEntry& series : sink.series) {
    std::vector<std::uint64_t> sums(series.cell_count);
    std::vector<double> float_sums(series.cell_count);
    reader.add_cells(series.first_cell, sums);
    reader.add_float_cells(series.first_cell, float_sums);
    for (std::uint32_t i = 0; i < series.cell_count; ++i) reader.shared_cell(series.first_cell + i);
  }
  for (const ChunkEntry& chunk : sink.chunks) {
    std::vector<std::uint64_t> sums(kChunkBuckets);
    reader.add_cells(chunk.first_cell, sums);
  }
}

void use(SegmentReader& reader, const CollectingSink& sink) {
  reader.begin_round();
  check_entries(sink, reader.info().cell_capacity);
  use_series(reader, sink);
  std::vector<ExemplarEntry> exemplars;
  reader.exemplars(exemplars);
  for (const ExemplarEntry& exemplar : exemplars) demand(std::isfinite(exemplar.value));
  for (std::size_t i = 0; i < kDropReasons; ++i) reader.drops(static_cast<DropReason>(i));
  reader.state();
}

}  // namespace
}  // namespace notch::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace notch::shm;
  using notch::testing::CollectingSink;

  // Exactly as long as the input, so that ASan sees a byte too far; vectors of words are aligned.
  std::vector<std::uint64_t> words(size / 8);
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * 8);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(words));

  SegmentReader reader;
  CollectingSink sink;
  if (reader.attach(bytes, {}) != Fault::kNone) return 0;
  auto* header = reinterpret_cast<SegmentHeader*>(words.data());
  const std::uint64_t used = header->catalogue_used;
  std::uint32_t first_step = 0;
  std::memcpy(&first_step, header->lineage_key, sizeof(first_step));
  header->catalogue_used = first_step;
  if (reader.follow(sink) == Fault::kNone) notch::testing::use(reader, sink);
  header->catalogue_used = used;
  if (reader.follow(sink) == Fault::kNone) notch::testing::use(reader, sink);
  return 0;
}
