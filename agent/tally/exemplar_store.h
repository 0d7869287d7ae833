// The newest exemplar of every counter and bucket that has one.
// Called by: tally.
//
// Invariants
//   ES1  At most kMaxExemplars are kept, and kNativeExemplars per native histogram; past that
//        the new one is passed over, or takes the oldest's place.
//   ES2  One that takes another's place is later than it by a millisecond or more; what is not is
//        passed over. Receivers keep milliseconds and refuse what is not later than the last they
//        have, and clients' clocks are coarse: several exemplars of one tick are usual.
//   ES3  A ring is read whole again and again: what was kept or has left does not come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "agent/family/snapshot.h"
#include "shm/segment_reader.h"

namespace notch::agent {

inline constexpr std::size_t kMaxExemplars = 20'000;
inline constexpr std::size_t kNativeExemplars = 8;

class ExemplarStore {
 public:
  // `offset`: of the slot within the row.
  void keep(std::uint32_t row, std::uint32_t offset, const shm::ExemplarEntry& entry);
  void keep_native(std::uint32_t row, const shm::ExemplarEntry& entry);
  void forget(std::uint32_t row);
  void renumber(const std::vector<std::uint32_t>& new_rows);

  // Ascending by row and offset; Exemplar::slot is the offset.
  const std::map<std::pair<std::uint32_t, std::uint32_t>, Exemplar>& of_slots() const noexcept {
    return of_slots_;
  }
  // Null if there is none.
  const std::vector<Exemplar>* of_native(std::uint32_t row) const;

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, Exemplar> of_slots_;  // by (row, offset)
  std::map<std::uint32_t, std::vector<Exemplar>> of_natives_;             // oldest first
};

}  // namespace notch::agent
