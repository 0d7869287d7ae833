// Whatever segments define and whatever their cells say, over several rounds: every page of every
// format keeps the rules that a receiver would refuse it for (page_rules.h).
// The input is a list of orders: define, add a series or a chunk, write a cell, end, gather.
// Called by: libFuzzer, and corpus_replay.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "agent/expose/exposition_protobuf.h"
#include "agent/expose/exposition_text.h"
#include "tests/agent/tally/fake_segment.h"
#include "tests/fuzz/page_rules.h"

namespace {

using namespace notch;           // NOLINT
using namespace notch::testing;  // NOLINT

constexpr std::size_t kMostOrders = 200;

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::uint64_t word() {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8U | byte();
    return word;
  }
  // Small, a power of two or near one, or anything.
  std::uint64_t count() {
    const std::uint8_t kind = byte();
    if (kind < 128) return kind;
    if (kind < 192) return (std::uint64_t{1} << (kind - 128)) - 1;
    if (kind < 255) return std::uint64_t{1} << (kind & 63U);
    return word();
  }
  double number() {
    const std::uint64_t bits = word();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  std::string text(std::size_t most) {
    std::string text;
    for (std::size_t length = byte() % (most + 1); length > 0; --length) {
      text += static_cast<char>(byte());
    }
    return text;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

// As the catalogue's follower hands them on: types and numbers that go together, bounds in order.
shm::FamilyEntry family(Input& input) {
  constexpr const char* kNames[] = {"a",        "a_total",   "a_count", "a_sum",
                                    "a_bucket", "b_seconds", "b"};
  constexpr shm::FamilyType kTypes[] = {
      shm::FamilyType::kCounter,         shm::FamilyType::kUpDownCounter,
      shm::FamilyType::kGauge,           shm::FamilyType::kHistogram,
      shm::FamilyType::kNativeHistogram, shm::FamilyType::kNativeHistogram};
  // Arguments have no order: each reading of the input is a statement of its own.
  const shm::FamilyType type = kTypes[input.byte() % 6];
  shm::FamilyEntry entry = family_entry(type, kNames[input.byte() % 7]);
  entry.help = input.text(6);
  entry.unit = input.byte() % 2 == 0 ? "seconds" : "";
  for (std::size_t labels = input.byte() % 3; labels > 0; --labels) {
    entry.label_names.push_back(std::string(1, static_cast<char>('x' + labels)));
  }
  if (entry.type == shm::FamilyType::kCounter && input.byte() % 2 == 0) {
    entry.number = shm::NumberKind::kFloat;
  } else if (entry.type == shm::FamilyType::kUpDownCounter) {
    entry.number = shm::NumberKind::kSigned;
  } else if (entry.type == shm::FamilyType::kGauge) {
    entry.number = shm::NumberKind::kFloat;
    entry.gauge_mode = static_cast<shm::GaugeMode>(1 + input.byte() % 5);
  } else if (entry.type == shm::FamilyType::kHistogram) {
    for (std::size_t bounds = input.byte() % 4; bounds > 0; --bounds) {
      const double bound = input.number();
      if (std::isfinite(bound)) entry.bounds.push_back(bound);
    }
    std::ranges::sort(entry.bounds);
    entry.bounds.erase(std::unique(entry.bounds.begin(), entry.bounds.end()), entry.bounds.end());
  } else if (entry.type == shm::FamilyType::kNativeHistogram) {
    entry.schema = static_cast<std::int8_t>(input.byte() % 13 - 4);
    const double threshold = input.byte() % 2 == 0 ? 0 : std::abs(input.number());
    entry.zero_threshold = std::isfinite(threshold) ? threshold : 0;
  }
  return entry;
}

struct Defined {
  std::uint32_t families = 0;
  std::vector<std::size_t> labels;  // by family
  std::uint32_t series = 0;
};

class Host {
 public:
  explicit Host(Input& input) : input_(input) {
    for (auto& segment : segments_) segment = std::make_unique<FakeSegment>(tally_, ++pid_);
  }

  void order() {
    const std::size_t which = input_.byte() % 3;
    FakeSegment& segment = *segments_[which];
    Defined& defined = defined_[which];
    switch (input_.byte() % 8) {
      case 0: {
        shm::FamilyEntry entry = family(input_);
        defined.labels.push_back(entry.label_names.size());
        segment.define(std::move(entry));
        ++defined.families;
        break;
      }
      case 1: {
        if (defined.families == 0) break;
        const std::uint32_t of = input_.byte() % defined.families;
        std::vector<std::string> values(defined.labels[of]);
        for (std::string& value : values) value = input_.text(3);
        segment.add_series(of, values);
        ++defined.series;
        break;
      }
      case 2: {
        if (defined.series == 0) break;
        const std::uint32_t series = input_.byte() % defined.series;
        const auto chunk = static_cast<std::int32_t>(input_.word()) % (1 << 14);
        segment.add_chunk(series, chunk, input_.byte() % 2 == 0);
        break;
      }
      case 3:
        exemplar(segment);
        break;
      case 4:
        end(which);
        break;
      case 5:
        check_pages();
        break;
      default: {
        if (segment.cells.empty()) break;
        std::uint64_t& cell = segment.cells[input_.word() % segment.cells.size()];
        cell = input_.count();
      }
    }
  }

  void check_pages() {
    tally_.begin_gather();
    for (auto& segment : segments_)
      tally_.add(segment->binding(), *segment, {1'000'000, 1'000'000});
    const agent::Snapshot snapshot = tally_.finish_gather();
    tally_.apply_resets(tally_.take_resets());
    TextPageRules(false).check(write_text(snapshot).body.bytes());
    TextPageRules(true).check(write_openmetrics(snapshot).body.bytes());
    check_protobuf_page(write_protobuf(snapshot).body.bytes());
  }

 private:
  void exemplar(FakeSegment& segment) {
    if (segment.cells.empty()) return;
    shm::ExemplarEntry entry;
    entry.cell = static_cast<std::uint32_t>(input_.word() % segment.cells.size());
    entry.value = input_.number();
    entry.unix_time_ns = input_.word();
    entry.trace_id.fill(input_.byte());
    tally_.take_exemplars(segment.binding(), std::vector{entry});
  }

  // As a death does, but for the ledger.
  void end(std::size_t which) {
    agent::FoldDraft draft = tally_.draft_fold(segments_[which]->binding(), *segments_[which], {});
    for (std::size_t i = 0; i < draft.rows.size(); ++i) {
      const auto& definition = tally_.definition(tally_.row(draft.rows[i]).family);
      require(agent::change_fault(definition, draft.changes[i]) == nullptr,
              "a change with a fault");
    }
    tally_.apply_fold(draft, segments_[which]->binding(), {});
    segments_[which] = std::make_unique<FakeSegment>(tally_, ++pid_);
    defined_[which] = {};
  }

  Input& input_;
  agent::Tally tally_{agent::TallyOptions{}};
  std::uint32_t pid_ = 0;
  std::unique_ptr<FakeSegment> segments_[3];
  Defined defined_[3];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Host host(input);
  for (std::size_t orders = 0; orders < kMostOrders && !input.empty(); ++orders) host.order();
  host.check_pages();
  return 0;
}
