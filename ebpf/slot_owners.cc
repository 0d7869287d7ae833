#include "ebpf/slot_owners.h"

namespace notch::ebpf {
namespace {

constexpr const char* kOthers = "(others)";

}  // namespace

SlotOwners::SlotOwners() {
  for (std::uint8_t slot = 1; slot < NOTCH_SLOT_OTHERS; ++slot) free_.push_back(slot);
}

// A program's service may have one of our own names: it counts there, because no name has two slots.
SlotOwners::Slot SlotOwners::slot_for(std::string_view service) {
  if (service == names_[NOTCH_SLOT_UNATTACHED]) return {};
  if (const auto found = slots_.find(service); found != slots_.end()) return {found->second, false};
  if (free_.empty() || service == kOthers) {
    names_[NOTCH_SLOT_OTHERS] = kOthers;
    return {NOTCH_SLOT_OTHERS, false};
  }
  const std::uint8_t slot = free_.front();
  free_.pop_front();
  names_[slot] = service;
  slots_.emplace(service, slot);
  quiet_.taken(slot);
  return {slot, true};
}

std::vector<std::uint8_t> SlotOwners::quiet(std::span<const std::uint64_t> tasks,
                                            std::uint64_t now_s) {
  std::vector<std::uint8_t> quiet;
  for (const auto& [service, slot] : slots_) {
    if (quiet_.look(slot, tasks[slot], now_s)) quiet.push_back(slot);
  }
  return quiet;
}

void SlotOwners::rename(const NewNames& names) {
  rename_services(names, slots_);
  for (const auto& [service, slot] : slots_) names_[slot] = service;
}

std::optional<std::uint8_t> SlotOwners::slot_of(std::string_view service) const {
  const auto found = slots_.find(service);
  return found == slots_.end() ? std::nullopt : std::optional(found->second);
}

void SlotOwners::free(std::uint8_t slot) {
  slots_.erase(names_[slot]);
  names_[slot].clear();
  free_.push_back(slot);
}

}  // namespace notch::ebpf
