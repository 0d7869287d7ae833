#include "agent/tally/row_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "agent/files/keyed_hash.h"

namespace notch::agent {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 16;
constexpr std::size_t kFirstPlaces = 64;
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 divided by the golden ratio

// Families are few and their ids the agent's own: multiplied by an odd number they differ in the low
// bits, which are the place.
std::uint64_t hash(std::uint32_t family, std::string_view labels) {
  return keyed_hash(labels) + family * kOdd;
}

}  // namespace

std::string_view TextArena::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > left_) {
    const std::size_t block = std::max(kBlockBytes, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    next_ = blocks_.back().get();
    left_ = block;
    bytes_ += block;
  }
  std::memcpy(next_, text.data(), text.size());
  const std::string_view kept(next_, text.size());
  next_ += text.size();
  left_ -= text.size();
  return kept;
}

RowTable::RowTable() : index_(kFirstPlaces, kNoRow) {}

std::uint32_t RowTable::find(std::uint32_t family, std::string_view labels) const noexcept {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = hash(family, labels) & mask; index_[at] != kNoRow; at = (at + 1) & mask) {
    const RowRecord& row = rows_[index_[at]];
    if (row.family == family && row.labels() == labels) return index_[at];
  }
  return kNoRow;
}

std::uint32_t RowTable::insert(std::uint32_t family, std::string_view labels,
                               std::uint32_t first_slot) {
  // Erased rows keep their places until compact(), so they count towards the load.
  if ((rows_.size() + 1) * 4 > index_.size() * 3) rebuild_index(index_.size() * 2);
  const std::string_view text = arena_->keep(labels);
  RowRecord record;
  record.text = text.data();
  record.text_bytes = static_cast<std::uint32_t>(text.size());
  record.family = family;
  record.first_slot = first_slot;
  rows_.push_back(record);
  place(size() - 1);
  return size() - 1;
}

void RowTable::erase(std::uint32_t row) noexcept {
  rows_[row].family = kNoFamily;
  ++erased_;
}

std::vector<RowTable::Doubled> RowTable::relabel(std::span<const NewLabels> rows) {
  std::vector<bool> is_new(rows_.size());
  for (const auto& [row, labels] : rows) {
    const std::string_view text = arena_->keep(labels);
    rows_[row].text = text.data();
    rows_[row].text_bytes = static_cast<std::uint32_t>(text.size());
    is_new[row] = true;
  }
  // Those that stay are placed first, so that a double is found before its row is placed.
  index_.assign(index_.size(), kNoRow);
  for (std::uint32_t row = 0; row < size(); ++row) {
    if (!rows_[row].erased() && !is_new[row]) place(row);
  }
  std::vector<Doubled> doubled;
  for (const auto& [row, labels] : rows) {
    const std::uint32_t other = find(rows_[row].family, labels);
    if (other != kNoRow) doubled.push_back({row, other});
    place(row);
  }
  return doubled;
}

void RowTable::place(std::uint32_t row) noexcept {
  const std::size_t mask = index_.size() - 1;
  std::size_t at = hash(rows_[row].family, rows_[row].labels()) & mask;
  while (index_[at] != kNoRow) at = (at + 1) & mask;
  index_[at] = row;
}

std::size_t RowTable::longest_search() const noexcept {
  const std::size_t mask = index_.size() - 1;
  std::size_t longest = 0;
  for (std::size_t at = 0; at < index_.size(); ++at) {
    if (index_[at] == kNoRow || rows_[index_[at]].erased()) continue;
    const RowRecord& row = rows_[index_[at]];
    longest = std::max(longest, ((at - hash(row.family, row.labels())) & mask) + 1);
  }
  return longest;
}

void RowTable::rebuild_index(std::size_t places) {
  index_.assign(places, kNoRow);
  for (std::uint32_t row = 0; row < size(); ++row) {
    if (!rows_[row].erased()) place(row);
  }
}

std::vector<std::uint32_t> RowTable::compact() {
  auto arena = std::make_shared<TextArena>();
  std::vector<std::uint32_t> new_ids(rows_.size(), kNoRow);
  std::uint32_t kept = 0;
  for (std::uint32_t row = 0; row < size(); ++row) {
    if (rows_[row].erased()) continue;
    new_ids[row] = kept;
    rows_[kept] = rows_[row];
    rows_[kept].text = arena->keep(rows_[kept].labels()).data();
    ++kept;
  }
  rows_.resize(kept);
  erased_ = 0;
  arena_ = std::move(arena);
  rebuild_index(std::max(kFirstPlaces, std::bit_ceil(std::size_t{kept} * 3 / 2 + 1)));
  return new_ids;
}

}  // namespace notch::agent
