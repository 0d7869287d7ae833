#include "ebpf/interrupts_probe.h"

#include <array>

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"
#include "ebpf/interrupts.h"

NOTCH_EMBED_OBJECT(interrupts);

namespace notch::ebpf {
namespace {

static_assert(sizeof(interrupts_row) % 64 == 0);

// In the order of the kernel's vectors, by /proc/softirqs' names.
constexpr std::array<const char*, NOTCH_SOFTIRQS> kSoftirqs = {
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu"};
constexpr std::array<const char*, NOTCH_HARDIRQS> kHardirqs = {
    "device", "local_timer", "reschedule", "call_function", "call_function_single", "irq_work"};

template <std::size_t Kinds>
void add_rows(const std::array<const char*, Kinds>& kinds, const __u64* ns, const __u64* number,
              KernelFamily time, KernelFamily count, std::vector<KernelFamily>& families) {
  for (std::size_t i = 0; i < Kinds; ++i) {
    if (number[i] == 0) continue;
    time.rows.push_back({{{"kind", kinds[i]}}, seconds(ns[i]), {}});
    count.rows.push_back({{{"kind", kinds[i]}}, static_cast<double>(number[i]), {}});
  }
  families.push_back(std::move(time));
  families.push_back(std::move(count));
}

}  // namespace

Outcome InterruptsProbe::start(const ServiceTable&) {
  const Outcome outcome =
      object_.open("interrupts", interrupts_object(),
                   {"softirq_entry", "softirq_exit", "irq_handler_entry", "irq_handler_exit"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("rows", possible_processors());
  return object_.run();
}

void InterruptsProbe::add_families(const ServiceTable&, std::vector<KernelFamily>& families) {
  const interrupts_row sum = sum_rows(object_.values<interrupts_row>("rows"), 0, 1);
  add_rows(kSoftirqs, sum.softirq_ns, sum.softirqs,
           {"ebpf_softirq_seconds_total",
            "Time of soft interrupts, without that of hard ones meanwhile.",
            "",
            FamilyType::kCounter,
            {}},
           {"ebpf_softirqs_total", "Soft interrupts handled.", "", FamilyType::kCounter, {}},
           families);
  add_rows(kHardirqs, sum.hardirq_ns, sum.hardirqs,
           {"ebpf_hardirq_seconds_total",
            "Time of hard interrupts' handlers.",
            "",
            FamilyType::kCounter,
            {}},
           {"ebpf_hardirqs_total", "Hard interrupts handled.", "", FamilyType::kCounter, {}},
           families);
}

}  // namespace notch::ebpf
