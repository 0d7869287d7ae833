#include "agent/tally/tally.h"

#include <algorithm>

namespace notch::agent {

Tally::Tally(const TallyOptions& options) : rows_(options) {}

// --- names that must yield ---

void Tally::erase_rows_of(const std::vector<bool>& families) {
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].erased() && families[rows_[row].family]) rows_.erase(row);
  }
}

bool Tally::yield_contested() {
  drop_displaced();
  return rows_.families().take_freed();
}

void Tally::drop_displaced() {
  FamilyTable& families = rows_.families();
  std::vector<bool> gone(families.size());
  bool any = false;
  for (const std::uint32_t family : families.displace()) {
    gone[family] = families.uses(family) == 0;
    any = any || gone[family];
  }
  if (any) erase_rows_of(gone);
  for (std::uint32_t family = 0; family < gone.size(); ++family) {
    if (gone[family]) families.release(family);
  }
}

bool Tally::uses_displaced(const Binding& binding) const {
  return std::ranges::any_of(binding.families, [this](const BoundFamily& bound) {
    return bound.family != kNoFamily && rows_.families().is_displaced(bound.family);
  });
}

bool Tally::has_freed_name(const Binding& binding) const {
  return std::ranges::any_of(binding.challenges, [&](const Challenge& challenge) {
    return rows_.families().is_worth_another_try(challenge, binding.owner_uid);
  });
}

void Tally::reserve(const Snapshot& own) {
  for (const FamilySnapshot& family : own.families) rows_.families().reserve(*family.family);
}

// --- a gather's end ---

void Tally::end_gather_unseen() {
  rows_.slots().finish_round();
  resets_.find();
}

Snapshot Tally::finish_gather() {
  const auto slots = rows_.slots().finish_round();
  resets_.find();
  if (layout_ == nullptr || layout_->generation != rows_.generation()) {
    layout_ = nullptr;  // its memory first
    layout_ = make_layout(rows_);
  }
  rows_.show_all();
  return make_snapshot(rows_, layout_, slots);
}

// --- a dead segment's end ---

void Tally::apply_fold(const FoldDraft& draft, Binding& binding, const Moment& now) {
  dead_.add(draft, now);
  living_.detach(binding, now);
  for (const std::uint32_t row : draft.overflowed) overflow_.leave(row);
}

void Tally::compact_if_worth() {
  const auto moved = rows_.compact_if_worth();
  if (!moved) return;
  living_.move(*moved);
  layout_ = nullptr;
}

}  // namespace notch::agent
