// What a segment file says, read byte by byte by layout.h: the tests' own judge of what was
// counted, which shares no code with the client and none with the agent.
// Called by: every test here that counts.
//
// Invariants
//   TT1  Only committed bytes are read, with pread: no mapping, so nothing here can fault.
//   TT2  A record that breaks the layout is a std::runtime_error that names the file and the rule.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shm/layout.h"

namespace notch::test {

using Labels = std::vector<std::string>;

struct SeriesTotals {
  std::string family;
  Labels values;
  bool overflow = false;
  shm::FamilyType type{};
  std::vector<std::uint64_t> integers;             // by cell: the sum over the columns, as integers
  std::vector<double> reals;                       // the same, as doubles
  std::vector<std::uint64_t> column0;              // by cell: the bits in column 0
  std::map<std::int32_t, std::uint64_t> positive;  // native histograms: by bucket, none zero
  std::map<std::int32_t, std::uint64_t> negative;

  // A gauge's value. REQUIRES: it was set.
  double gauge() const;
  // Observations of a histogram of either kind.
  std::uint64_t observations() const;
  // The sum of the observations.
  double sum() const;
};

struct SegmentTotals {
  std::string path;
  shm::SegmentHeader header{};
  std::vector<SeriesTotals> series;
  std::vector<std::uint64_t> null_integers;  // cells 0 to 7 as integers, over all columns
  std::vector<double> null_reals;
  std::vector<std::uint64_t> null_column0;
  std::vector<shm::ExemplarSlot> exemplars;  // as they lie there

  std::uint32_t columns_in_use() const;
  std::uint64_t drops(shm::DropReason reason) const {
    return header.drops[static_cast<std::size_t>(reason)];
  }
  // All series of this family with these label values; a forked child may name one twice.
  std::vector<SeriesTotals> find(const std::string& family, const Labels& values = {}) const;
};

SegmentTotals read_segment(const std::string& path);

// Every *.notch in the directory, by name.
std::vector<SegmentTotals> read_segments(const std::string& directory);

// Sums over all segments of a directory: the first cell as an integer and as a double; how many
// observations.
std::uint64_t integer_total(const std::string& directory, const std::string& family,
                            const Labels& values = {});
double real_total(const std::string& directory, const std::string& family,
                  const Labels& values = {});
std::uint64_t observation_total(const std::string& directory, const std::string& family,
                                const Labels& values = {});
double observed_sum_total(const std::string& directory, const std::string& family,
                          const Labels& values = {});

}  // namespace notch::test
