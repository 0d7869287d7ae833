#include "agent/tally/slot_store.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <utility>

#include "agent/ledger/ledger_values.h"
#include "shm/layout.h"

namespace notch::agent {
namespace {

constexpr std::uint32_t kBlockCells = 256;  // doubles read at a time, on the stack

double as_double(std::uint64_t bits) {
  return std::bit_cast<double>(bits);
}
std::uint64_t as_bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

// Gauges' slots hold the complement of the bits; zero means "not set".
double gauge_value(std::uint64_t slot) {
  return as_double(slot ^ shm::kGaugeMask);
}
std::uint64_t gauge_slot(double value) {
  return as_bits(value) ^ shm::kGaugeMask;
}

double combine(RunKind kind, double a, double b) {
  switch (kind) {
    case RunKind::kMin:
      return std::min(a, b);
    case RunKind::kMax:
      return std::max(a, b);
    default:
      return a + b;
  }
}

template <class Less>
bool any_fell(std::span<const std::uint64_t> now, std::span<const std::uint64_t> before,
              Less less) {
  bool fell = false;
  for (std::size_t i = 0; i < before.size(); ++i) fell |= less(now[i], before[i]);
  return fell;
}

bool is_count(RunKind kind) {
  return kind == RunKind::kCount || kind == RunKind::kBucket || kind == RunKind::kSigned;
}

std::uint64_t bits_of(std::span<const std::uint64_t> words) {
  std::uint64_t bits = 0;
  for (const std::uint64_t word : words) bits |= word;
  return bits;
}

constexpr auto kLessInteger = std::less<std::uint64_t>();
constexpr auto kLessFloat = [](std::uint64_t a, std::uint64_t b) {
  return as_double(a) < as_double(b);
};

// A little more than the difference: added first, it must not be rounded away.
constexpr double kRounding = 0x1p-48;

}  // namespace

void SlotStore::append(Kind kind, std::uint32_t slots) {
  if (slots == 0) return;
  const auto first = static_cast<std::uint32_t>(folded_.size());
  folded_.resize(folded_.size() + slots);
  if (!kinds_.empty() && kinds_.back().kind == kind) {
    kinds_.back().slots += slots;
    return;
  }
  try {
    kinds_.push_back({first, slots, kind});
  } catch (...) {
    folded_.resize(first);  // no slot without a kind
    throw;
  }
}

std::uint32_t SlotStore::allocate(std::uint32_t growing_integers, std::uint32_t growing_floats,
                                  std::uint32_t others) {
  const auto first = static_cast<std::uint32_t>(folded_.size());
  append(Kind::kGrowingInteger, growing_integers);
  append(Kind::kGrowingFloat, growing_floats);
  append(Kind::kOther, others);
  return first;
}

void SlotStore::begin_round() {
  if (spare_ != nullptr && spare_.use_count() == 1) {
    now_ = std::exchange(spare_, nullptr);
    now_->assign(folded_.begin(), folded_.end());
  } else {
    now_ = std::make_shared<Buffer>(folded_);
  }
}

void SlotStore::read_counts(std::span<const Run> runs, const CellSource& cells) {
  std::size_t total = 0;
  for (const Run& run : runs) total += is_count(run.kind) ? run.cells : 0;
  counts_.assign(total, 0);
  std::span<std::uint64_t> left = counts_;
  for (const Run& run : runs) {
    if (!is_count(run.kind)) continue;
    cells.add_cells(run.first_cell, left.first(run.cells));
    left = left.subspan(run.cells);
  }
}

void SlotStore::find_impossible(std::span<const Run> runs) {
  impossible_.clear();
  std::span<const std::uint64_t> left = counts_;
  for (const Run& run : runs) {
    if (!is_count(run.kind)) continue;
    const auto counts = left.first(run.cells);
    left = left.subspan(run.cells);
    if (run.kind != RunKind::kBucket || is_possible_bucket(bits_of(counts))) continue;
    for (std::uint32_t i = 0; i < run.cells; ++i) {
      if (!is_possible_bucket(counts[i])) impossible_.push_back(run.first_slot + i);
    }
  }
  std::ranges::sort(impossible_);
}

// Sums that come near the end of their range are rare: one look at all their bits tells.
void SlotStore::add_counts(const Run& run, std::span<const std::uint64_t> counts) {
  const auto slots = std::span(*now_).subspan(run.first_slot, run.cells);
  const bool may_pass = run.kind != RunKind::kSigned &&
                        ((bits_of(slots) | bits_of(counts)) & ~(kMostBucketSum / 2 - 1)) != 0;
  if (!may_pass) {
    for (std::size_t i = 0; i < counts.size(); ++i) slots[i] += counts[i];
    return;
  }
  const std::uint64_t most = run.kind == RunKind::kBucket ? kMostBucketSum : kMostCount;
  for (std::size_t i = 0; i < counts.size(); ++i) slots[i] = add_up_to(most, slots[i], counts[i]);
}

bool SlotStore::add(std::span<const Run> runs, const CellSource& cells,
                    std::uint64_t monotonic_ns) {
  read_counts(runs, cells);
  find_impossible(runs);
  if (!impossible_.empty() || !cells.whole()) return false;
  std::span<const std::uint64_t> counts = counts_;
  for (const Run& run : runs) {
    switch (run.kind) {
      case RunKind::kCount:
      case RunKind::kBucket:
      case RunKind::kSigned:
        add_counts(run, counts.first(run.cells));
        counts = counts.subspan(run.cells);
        break;
      case RunKind::kFloat:
      case RunKind::kUpDownFloat:
        add_floats(run, cells);
        break;
      case RunKind::kLast:
        add_last(run, cells, monotonic_ns);
        break;
      default:
        add_gauges(run, cells);
    }
  }
  return true;
}

void SlotStore::add_floats(const Run& run, const CellSource& cells) {
  std::array<double, kBlockCells> block;
  for (std::uint32_t done = 0; done < run.cells; done += kBlockCells) {
    const std::uint32_t count = std::min(kBlockCells, run.cells - done);
    std::fill_n(block.begin(), count, 0.0);
    cells.add_float_cells(run.first_cell + done, std::span(block).first(count));
    std::uint64_t* slots = now_->data() + run.first_slot + done;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (run.kind == RunKind::kFloat) {
        const double sum = as_double(slots[i]) + block[i];
        if (is_finite(sum)) slots[i] = as_bits(sum);
      } else {
        const double sum = slots[i] == 0 ? block[i] : gauge_value(slots[i]) + block[i];
        if (is_finite(sum)) slots[i] = gauge_slot(sum);
      }
    }
  }
}

void SlotStore::add_gauges(const Run& run, const CellSource& cells) {
  std::uint64_t* slots = now_->data() + run.first_slot;
  for (std::uint32_t i = 0; i < run.cells; ++i) {
    const std::uint64_t cell = cells.shared_cell(run.first_cell + i);
    if (cell == 0) continue;
    const double value = gauge_value(cell);
    if (!is_finite(value)) continue;
    const double combined = slots[i] == 0 ? value : combine(run.kind, gauge_value(slots[i]), value);
    if (is_finite(combined)) slots[i] = gauge_slot(combined);
  }
}

void SlotStore::add_last(const Run& run, const CellSource& cells, std::uint64_t monotonic_ns) {
  std::uint64_t* slots = now_->data() + run.first_slot;
  for (std::uint32_t i = 0; i + 1 < run.cells; i += 2) {
    // The time first: a set in between may give it a newer value, never an old value a new time.
    const std::uint64_t time_ns = std::min(cells.shared_cell(run.first_cell + i + 1), monotonic_ns);
    const std::uint64_t value = cells.shared_cell(run.first_cell + i);
    if (value == 0 || !is_finite(gauge_value(value))) continue;
    if (slots[i] != 0 && time_ns <= slots[i + 1]) continue;
    slots[i] = value;
    slots[i + 1] = time_ns;
  }
}

std::shared_ptr<const SlotStore::Buffer> SlotStore::finish_round() {
  resets_.clear();
  if (previous_ != nullptr) {
    for (const KindRun& run : kinds_) {
      if (run.kind == Kind::kOther || run.first >= previous_->size()) continue;
      keep_run(run, std::min<std::size_t>(run.slots, previous_->size() - run.first));
    }
  }
  spare_ = std::exchange(previous_, std::exchange(now_, nullptr));
  return previous_;
}

void SlotStore::keep_run(const KindRun& run, std::size_t slots) {
  const auto now = std::span(*now_).subspan(run.first, slots);
  const auto before = std::span(std::as_const(*previous_)).subspan(run.first, slots);
  const bool integers = run.kind == Kind::kGrowingInteger;
  if (integers ? !any_fell(now, before, kLessInteger) : !any_fell(now, before, kLessFloat)) return;
  for (std::uint32_t i = 0; i < slots; ++i) {
    if (integers ? !kLessInteger(now[i], before[i]) : !kLessFloat(now[i], before[i])) continue;
    const double shown = as_double(before[i]);
    resets_.push_back({run.first + i, integers ? before[i] - now[i]
                                               : as_bits(shown - as_double(now[i]) +
                                                         std::abs(shown) * kRounding)});
    now[i] = before[i];
    ++reset_count_;
  }
}

double SlotStore::keep_shown(std::uint32_t slot) noexcept {
  if (spare_ == nullptr || slot >= spare_->size()) return 0;
  const double missing = as_double((*spare_)[slot]) - as_double((*previous_)[slot]);
  if (!std::isfinite(missing)) return 0;
  (*previous_)[slot] = (*spare_)[slot];
  return missing;
}

void SlotStore::forget_shown(std::uint32_t slot) noexcept {
  (*previous_)[slot] = 0;
  --reset_count_;
}

void SlotStore::fold(std::uint32_t first_slot, const Family& family,
                     std::span<const std::uint64_t> amounts) noexcept {
  not_finite_ += add_slots(family, amounts, std::span(folded_).subspan(first_slot, amounts.size()));
}

bool SlotStore::is_finite(double value) noexcept {
  if (std::isfinite(value)) return true;
  ++not_finite_;
  return false;
}

std::vector<std::uint32_t> SlotStore::compact(const std::vector<bool>& kept) {
  SlotStore next;
  std::vector<std::uint32_t> new_slots(folded_.size(), 0);
  auto previous = std::make_shared<Buffer>();
  for (const KindRun& run : kinds_) {
    for (std::uint32_t slot = run.first; slot < run.first + run.slots; ++slot) {
      if (!kept[slot]) continue;
      new_slots[slot] = static_cast<std::uint32_t>(next.size());
      next.append(run.kind, 1);
      next.folded_.back() = folded_[slot];
      previous->push_back(previous_ != nullptr && slot < previous_->size() ? (*previous_)[slot]
                                                                           : 0);
    }
  }
  folded_ = std::move(next.folded_);
  kinds_ = std::move(next.kinds_);
  previous_ = std::move(previous);
  spare_ = nullptr;
  return new_slots;
}

}  // namespace notch::agent
