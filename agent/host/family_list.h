// The families of one scrape of the host, built in a few large pieces of memory.
// Called by: the collectors, host_collectors.
//
// Invariants
//   FL1  What finish() gives obeys SP1 to SP3: of two rows of a family with the same labels the first
//        stays. A family of a name the format does not allow is left out with its rows. Both are
//        counted, as are dropped() things, for the collector that added them.
//   FL2  Rows belong to the family that begin() began last.
//   FL3  undo() takes back all that the collector in force has added, whatever it was about.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/snapshot.h"
#include "agent/host/host_drops.h"

namespace notch::agent {

struct HostLabel {
  std::string_view name;
  std::string_view value;
};

class FamilyList {
 public:
  // `prefix` goes before the names that begin() gets. `drops` outlives this.
  FamilyList(std::string prefix, HostDrops& drops);

  // From now on it is `collector` that adds.
  void begin_collector(std::string_view collector);
  // It failed.
  void undo();

  // A family: its name without the prefix. A counter's ends in _total.
  void begin(MetricType type, std::string_view name, std::string_view help);
  // The same with a name that has no prefix.
  void begin_whole_name(MetricType type, std::string_view name, std::string_view help);

  // A row of the family. Labels in the order in which they are to be printed.
  void add(double value, std::span<const HostLabel> labels);
  void add(double value, std::initializer_list<HostLabel> labels = {}) {
    add(value, std::span(labels.begin(), labels.size()));
  }

  // A family of one row.
  void counter(std::string_view name, std::string_view help, double value);
  void gauge(std::string_view name, std::string_view help, double value);

  // The collector left out `count` things.
  void dropped(HostDrop reason, std::uint64_t count);

  // Gives what was added, and is empty then. Families without rows are left out.
  Snapshot finish();

 private:
  struct Stretch {  // of a family
    std::size_t first_row = 0;
    std::size_t rows = 0;
    std::size_t collector = 0;  // index in collectors_
  };
  struct LabelText {  // of a row
    std::size_t first = 0;
    std::size_t size = 0;
  };
  // The memory that a snapshot's views point at.
  struct Storage {
    std::vector<Family> families;
    std::vector<Row> rows;
    std::vector<std::uint64_t> slots;
    std::string labels;
  };

  // How much there was of everything when the collector began.
  struct Sizes {
    std::size_t families = 0;
    std::size_t rows = 0;
    std::size_t slots = 0;
    std::size_t label_bytes = 0;
  };

  const std::string prefix_;
  HostDrops& drops_;
  std::vector<std::string> collectors_;
  Sizes begun_;
  std::unique_ptr<Storage> storage_ = std::make_unique<Storage>();
  std::vector<Stretch> stretches_;      // one per family
  std::vector<LabelText> label_texts_;  // one per row
  std::string row_text_;                // of the row that is being added
};

}  // namespace notch::agent
