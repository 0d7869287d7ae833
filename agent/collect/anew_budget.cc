#include "agent/collect/anew_budget.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace notch::agent {
namespace {

constexpr std::uint64_t kTextBytesOfOne = 256;

}  // namespace

std::uint64_t binding_work(const Binding& binding) noexcept {
  return 1 + binding.families.size() + binding.series.size() + binding.chunks.size() +
         (binding.page_bytes + binding.left_out.page_bytes) / kTextBytesOfOne;
}

void AnewBudget::begin_sweep(std::uint64_t now_s) {
  of_sweep_ = 0;
  const std::uint64_t before_s = std::exchange(last_s_, now_s);
  const std::uint64_t passed_s = now_s - std::min(before_s, now_s);
  for (auto owed = owed_.begin(); owed != owed_.end();) {
    const std::uint64_t left =
        owed->second / kPerSecond < passed_s ? 0 : owed->second - passed_s * kPerSecond;
    owed->second = left;
    owed = left == 0 ? owed_.erase(owed) : std::next(owed);
  }
}

bool AnewBudget::allows(std::uint32_t account) const {
  if (is_sweep_over()) return false;
  const auto owed = owed_.find(account);
  return owed == owed_.end() || owed->second < kPerSecond;
}

void AnewBudget::spend(std::uint32_t account, std::uint64_t work) {
  of_sweep_ += work;
  owed_[account] += work;
}

}  // namespace notch::agent
