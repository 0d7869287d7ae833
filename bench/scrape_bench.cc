// What does a scrape cost? Of 1,000,000 series in 100 living processes' segments, and of 1,000
// segments whose 100 series are the same and add up.
// Run by: bench/run. Peers: prometheus-cpp's Collect and TextSerializer over as many series, and
// one reading of the memory the 100 series have in the 1,000 segments (the limit).
//
// The agent's own parts run here in the order the daemon runs them: the directory's events, gather,
// merge, page. Left out: HTTP and the socket, on both sides. Taking the segments is done once,
// before: it is no part of a scrape.
//
// NOTCH_BENCH_SCALE=N divides all numbers of series and segments, for a quick look.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/text_serializer.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/expose/scrape.h"
#include "agent/segments/mapped_segment.h"
#include "agent/segments/segment_directory.h"
#include "bench/descriptor_limit.h"
#include "bench/scratch_directory.h"
#include "bench/writer_fleet.h"
#include "shm/memory_order.h"
#include "shm/segment_reader.h"

namespace notch::bench {
namespace {

std::uint32_t scaled(std::uint32_t number) {
  const char* const scale = std::getenv("NOTCH_BENCH_SCALE");
  const auto by = scale == nullptr ? 1 : static_cast<std::uint32_t>(std::atoi(scale));
  return std::max(number / std::max(by, 1U), 1U);
}

agent::Moment moment_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto seconds = static_cast<std::uint64_t>(now.tv_sec);
  return {seconds, seconds * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec), seconds};
}

// What a benchmark reads: writers, and the agent's parts over them.
class Host {
 public:
  Host(std::uint32_t processes, std::uint32_t series, bool distinct)
      : fleet_(scratch_.path(), processes, series, distinct),
        collect_(agent::CollectOptions{}),
        scrape_({{"segments", [this] { return gather(); }}}) {
    agent::Recovered recovered;
    if (!directory_.open(scratch_.path(), false).ok ||
        !collect_.open(directory_.fd(), {}, recovered).ok) {
      throw std::runtime_error("the agent's parts cannot use " + scratch_.path());
    }
    gather();
    if (collect_.stats().live_segments != processes ||
        collect_.stats().series != std::uint64_t{processes} * series) {
      throw std::runtime_error("not all series were taken");
    }
  }

  agent::Snapshot gather() {
    const agent::DirectoryChanges changes = directory_.poll();
    collect_.removed(changes.removed);
    collect_.add(changes.added, moment_now());
    return collect_.gather(moment_now());
  }

  // Returns the bytes of the page.
  std::size_t scrape() {
    agent::Request request;
    request.accept = "text/plain;version=0.0.4";
    return scrape_.respond(request).body_bytes();
  }

  const std::string& path() const { return scratch_.path(); }
  const agent::SegmentDirectory& directory() const { return directory_; }

 private:
  ScratchDirectory scratch_;
  WriterFleet fleet_;
  agent::SegmentDirectory directory_;
  agent::Collect collect_;
  agent::Scrape scrape_;
};

Host& many_series() {
  static Host host(scaled(100), 10'000, true);
  return host;
}

Host& many_segments() {
  static Host host(scaled(1'000), 100, false);
  return host;
}

void count_bytes(benchmark::State& state, std::size_t page_bytes) {
  state.counters["page_bytes"] = static_cast<double>(page_bytes);
}

void notch_scrape_many_series(benchmark::State& state) {
  Host& host = many_series();
  std::size_t bytes = host.scrape();
  for (auto _ : state) bytes = host.scrape();
  count_bytes(state, bytes);
}

void notch_gather_many_series(benchmark::State& state) {
  Host& host = many_series();
  for (auto _ : state) benchmark::DoNotOptimize(host.gather());
}

void prometheus_cpp_many_series(benchmark::State& state) {
  static const auto family = [] {
    auto made = std::make_unique<prometheus::Family<prometheus::Counter>>(
        "bench_items_total", "Items.", prometheus::Labels{{"service", "segment_writers"}});
    for (std::uint64_t process = 0; process < scaled(100); ++process) {
      for (std::uint64_t item = 0; item < 10'000; ++item) {
        made->Add({{"worker", std::to_string(process)}, {"item", std::to_string(item)}})
            .Increment(static_cast<double>((process * 7'919 + item * 104'729) % 1'000'003));
      }
    }
    return made;
  }();
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = prometheus::TextSerializer().Serialize(family->Collect()).size();
  }
  count_bytes(state, bytes);
}

void notch_scrape_many_segments(benchmark::State& state) {
  Host& host = many_segments();
  std::size_t bytes = host.scrape();
  for (auto _ : state) bytes = host.scrape();
  count_bytes(state, bytes);
}

// The cells of one segment's series, in one column.
struct CellRange {
  const std::uint64_t* first;
  std::size_t cells;
};

// Every segment's cells in every column that counts, straight from the mapped files. `segments`
// keeps them mapped.
std::vector<CellRange> cell_ranges(const Host& host, std::size_t cells,
                                   std::vector<agent::MappedSegment>& segments) {
  std::vector<CellRange> ranges;
  for (const auto& file : std::filesystem::directory_iterator(host.path())) {
    if (file.path().extension() != agent::kSegmentSuffix) continue;
    agent::MappedSegment segment;
    if (segment.open(host.directory().fd(), file.path().filename(), {}) != agent::Reject::kNone) {
      throw std::runtime_error("a segment cannot be mapped");
    }
    const std::byte* base = segment.bytes().data();
    const auto* header = reinterpret_cast<const shm::SegmentHeader*>(base);
    for (std::uint32_t column = 0; column < header->column_capacity; ++column) {
      if ((header->column_bitmap[column / 64] >> (column % 64) & 1U) == 0) continue;
      const std::byte* cell = base + header->values_offset + column * header->column_stride +
                              shm::kFirstFreeCell * shm::kCellBytes;
      ranges.push_back({reinterpret_cast<const std::uint64_t*>(cell), cells});
    }
    segments.push_back(std::move(segment));
  }
  return ranges;
}

void read_memory_many_segments(benchmark::State& state) {
  static std::vector<agent::MappedSegment> segments;
  static const std::vector<CellRange> ranges = cell_ranges(many_segments(), 100, segments);
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const CellRange& range : ranges) {
      for (std::size_t i = 0; i < range.cells; ++i) sum += shm::read_alone(range.first[i]);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.counters["bytes"] = static_cast<double>(ranges.size() * 100 * shm::kCellBytes);
}

BENCHMARK(notch_scrape_many_series)->Unit(benchmark::kMillisecond);
BENCHMARK(notch_gather_many_series)->Unit(benchmark::kMillisecond);
BENCHMARK(prometheus_cpp_many_series)->Unit(benchmark::kMillisecond);
BENCHMARK(notch_scrape_many_segments)->Unit(benchmark::kMicrosecond);
BENCHMARK(read_memory_many_segments)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace notch::bench

int main(int argc, char** argv) {
  notch::bench::raise_descriptor_limit();  // one per segment, and twice for the limit's row
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
