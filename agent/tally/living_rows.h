// What living segments have in the rows: their bindings, from the first definition to the last reading.
// Called by: tally.
//
// Invariants
//   LW1  RowRecord::living is the number of bound series, over all attached bindings, that add to the row. Nothing else
//        writes it.
//   LW2  A series of which a bucket says what no process can have counted (count_limits.h) takes no more part: what it had
//        added before stays, as that of a dead process does.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "agent/family/family.h"
#include "agent/tally/binding.h"
#include "agent/tally/family_table.h"
#include "agent/tally/row_store.h"
#include "agent/tally/slot_ranges.h"
#include "agent/tally/tally_options.h"
#include "shm/segment_reader.h"

namespace notch::agent {

// The fields that only a new row has.
struct NewRow {
  std::uint32_t group = 0;        // RowRecord's
  std::uint32_t zero_unix_s = 0;  // when it was still zero; 0: unknown
  std::uint32_t owner_uid = kUnknownOwner;
};

class LivingRows {
 public:
  explicit LivingRows(RowStore& rows) : rows_(rows) {}

  // Each as in tally.h.
  std::uint32_t bind_row(std::uint32_t family, std::string_view labels, const NewRow& made);
  bool has_chunk_room(std::uint32_t row, std::int32_t chunk, bool negative) const;
  void attach(Binding& binding);
  void detach(Binding& binding, const Moment& now);

  void add(Binding& binding, const CellSource& cells, const Moment& now);
  void take_exemplars(const Binding& binding, std::span<const shm::ExemplarEntry> entries);

  // Rows and slots have moved.
  void move(const RowStore::Moved& moved);

  std::uint64_t impossible_series() const noexcept { return impossible_series_; }

 private:
  void leave(std::uint32_t row, const Moment& now);
  void lose_last(std::uint32_t row, const Moment& now);
  SlotRange slots_of(std::uint32_t row) const;
  void leave_out_impossible(Binding& binding, const Moment& now);

  RowStore& rows_;
  std::vector<Binding*> bindings_;       // in no order
  std::uint64_t impossible_series_ = 0;  // left out, so far
};

}  // namespace notch::agent
