#include "ebpf/service_table.h"

#include <algorithm>
#include <fstream>

#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(services);

namespace notch::ebpf {
namespace {

constexpr const char* kIterator = "tasks_of_slots";

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
  tasks_ = object_.writable_values<std::uint64_t>("slot_tasks");
  if (lines_.empty() || tasks_.empty())
    return {Refusal::kRefused, "the table of services cannot be mapped"};
  if (!object_.has_program("sched_process_fork")) {
    return {Refusal::kNoHook,
            "the kernel has no tracepoint sched_process_fork: children have no service"};
  }
  return {};
}

ServiceTable::Change ServiceTable::change_of(std::uint32_t pid, std::uint8_t slot) const {
  const std::size_t line = pid / NOTCH_SLOTS_PER_LINE;
  if (line >= lines_.size()) return {};
  return {lines_[line].slot[pid % NOTCH_SLOTS_PER_LINE], slot};
}

void ServiceTable::assign(std::uint32_t pid, std::uint8_t slot) {
  const std::size_t line = pid / NOTCH_SLOTS_PER_LINE;
  if (line < lines_.size()) lines_[line].slot[pid % NOTCH_SLOTS_PER_LINE] = slot;
}

Outcome ServiceTable::count_tasks() {
  std::ranges::fill(tasks_, 0);
  return object_.iterate(kIterator, output_);
}

bool ServiceTable::can_look() {
  return !object_.has_program(kIterator) || count_tasks().ok();
}

std::vector<std::uint8_t> ServiceTable::quiet_slots(std::uint64_t now_s) {
  // Without the hook at fork a process id keeps the slot of the process that had the id before.
  if (!owners_.scarce() || now_s < next_look_s_ || !object_.has_program("sched_process_fork")) {
    return {};
  }
  next_look_s_ = now_s + kLookInterval_s;
  if (!count_tasks().ok()) return {};
  return owners_.quiet(tasks_, now_s);
}

void ServiceTable::clear(std::uint8_t slot) {
  for (service_line& line : lines_) std::ranges::replace(line.slot, slot, __u8{0});
}

}  // namespace notch::ebpf
