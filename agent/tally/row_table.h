// The tally's rows and the index that finds one by (family, label text). Sized for millions of
// rows: text lies in an arena, once; the index holds row ids and no copy of a key. Called by:
// row_store.
//
// Invariants
//   RT1  A row's id is the order of its first appearance, and so rises with its first slot.
//   RT2  A text's bytes never move while anyone holds the arena; compact() begins a new one.
//   RT3  An erased row is not found any more; its id and text stay taken until compact().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/family.h"

namespace notch::agent {

inline constexpr std::uint32_t kNoRow = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoFamily = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoLedgerId = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoNative = 0xFFFFFFFF;

// Text that stays where it is. Only grows.
class TextArena {
 public:
  std::string_view keep(std::string_view text);
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

struct RowRecord {
  const char* text = nullptr;
  std::uint32_t text_bytes = 0;
  std::uint32_t family = kNoFamily;  // kNoFamily: erased
  std::uint32_t first_slot = 0;
  std::uint32_t native = kNoNative;    // which of the native rows (native_chunks.h)
  std::uint32_t living = 0;            // bound series of living processes
  std::uint32_t last_seen_boot_s = 0;  // when `living` last became zero
  std::uint32_t ledger_row = kNoLedgerId;
  std::uint32_t group = 0;  // rows of a group are shown once one has counted; 0: it is shown
  std::uint32_t created_unix_s = 0;         // when it was known to be zero still; 0: unknown
  std::uint32_t owner_uid = kUnknownOwner;  // who had the first part in it
  std::uint32_t page_bytes = 0;             // as charged to the owner (row_quota.h)
  std::uint32_t ledger_bytes = 0;
  bool counts_as_dead = false;
  bool counts_as_overflow = false;
  // The living have a part in it whose dead went to the overflow row: its resets stand there.
  bool folds_elsewhere = false;

  std::string_view labels() const noexcept { return {text, text_bytes}; }
  bool erased() const noexcept { return family == kNoFamily; }
};

class RowTable {
 public:
  RowTable();

  // kNoRow if there is none. Cost: one keyed hash of the text, about one compare.
  std::uint32_t find(std::uint32_t family, std::string_view labels) const noexcept;

  // Returns the new id. REQUIRES: find() gave kNoRow.
  std::uint32_t insert(std::uint32_t family, std::string_view labels, std::uint32_t first_slot);

  void erase(std::uint32_t row) noexcept;

  // Gives rows other labels, all at once. Returns which of them have the labels of another row now,
  // and of which: of each such two one is to be erased at once. Cost: one pass over the rows.
  struct NewLabels {
    std::uint32_t row;
    std::string labels;
  };
  struct Doubled {
    std::uint32_t row;
    std::uint32_t other;
  };
  std::vector<Doubled> relabel(std::span<const NewLabels> rows);

  // Drops erased rows and their text, keeping the order. Returns old id to new, kNoRow if erased.
  std::vector<std::uint32_t> compact();

  RowRecord& operator[](std::uint32_t row) noexcept { return rows_[row]; }
  const RowRecord& operator[](std::uint32_t row) const noexcept { return rows_[row]; }

  // How many places the longest search for a row looks at. Cost: a search for each.
  std::size_t longest_search() const noexcept;

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(rows_.size()); }
  std::uint32_t erased() const noexcept { return erased_; }
  std::uint32_t present() const noexcept { return size() - erased_; }
  std::shared_ptr<const TextArena> arena() const noexcept { return arena_; }

 private:
  void rebuild_index(std::size_t places);
  void place(std::uint32_t row) noexcept;

  std::vector<RowRecord> rows_;
  std::shared_ptr<TextArena> arena_ = std::make_shared<TextArena>();
  std::vector<std::uint32_t> index_;  // open addressing, a power of two; kNoRow: free
  std::uint32_t erased_ = 0;
};

}  // namespace notch::agent
