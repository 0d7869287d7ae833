#include "ebpf/service_table.h"

#include <fstream>

#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(services);

namespace notch::ebpf {
namespace {

constexpr const char* kOthers = "(others)";

// The kernel's own limit is 2^22.
std::size_t process_ids() {
  std::size_t most = 0;
  std::ifstream("/proc/sys/kernel/pid_max") >> most;
  return most != 0 && most <= (1U << 22) ? most : 1U << 22;
}

}  // namespace

Outcome ServiceTable::start() {
  if (Outcome outcome = object_.open("services", services_object(), {}); !outcome.ok())
    return outcome;
  object_.set_entries("service_slots", process_ids() / NOTCH_SLOTS_PER_LINE + 1);
  if (Outcome outcome = object_.run(); !outcome.ok()) return outcome;
  lines_ = object_.writable_values<service_line>("service_slots");
  if (lines_.empty()) return {Refusal::kRefused, "the table of services cannot be mapped"};
  if (!object_.has_program("sched_process_fork")) {
    return {Refusal::kNoHook,
            "the kernel has no tracepoint sched_process_fork: children have no service"};
  }
  return {};
}

// A program may take one of our own names: it counts there, as no name has two slots.
std::uint8_t ServiceTable::slot_for(std::string_view service) {
  if (service == names_[NOTCH_SLOT_UNATTACHED]) return NOTCH_SLOT_UNATTACHED;
  if (const auto found = slots_.find(service); found != slots_.end()) return found->second;
  const std::size_t slot = slots_.size() + 1;
  if (slot >= NOTCH_SLOT_OTHERS || service == kOthers) {
    names_[NOTCH_SLOT_OTHERS] = kOthers;
    return NOTCH_SLOT_OTHERS;
  }
  names_[slot] = service;
  slots_.emplace(service, slot);
  return static_cast<std::uint8_t>(slot);
}

ServiceTable::Change ServiceTable::assign(std::uint32_t pid, std::string_view service) {
  const std::size_t line = pid / NOTCH_SLOTS_PER_LINE;
  if (line >= lines_.size()) return {};
  std::uint8_t& slot = lines_[line].slot[pid % NOTCH_SLOTS_PER_LINE];
  const Change change{slot, slot_for(service)};
  if (change.from != change.to) slot = change.to;
  return change;
}

}  // namespace notch::ebpf
