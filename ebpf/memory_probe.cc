#include "ebpf/memory_probe.h"

#include <array>
#include <csignal>
#include <cstring>

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(memory);

namespace notch::ebpf {
namespace {

static_assert(sizeof(stall_row) % 64 == 0);
static_assert(sizeof(memory_row) % 64 == 0);

constexpr std::array<const char*, NOTCH_STALLS> kStalls = {"direct_reclaim", "cgroup_reclaim",
                                                           "compaction"};

// "SIGSEGV"; real-time signals by their number.
std::string signal_name(int signal) {
  const char* abbreviation = sigabbrev_np(signal);
  return abbreviation != nullptr ? std::string("SIG") + abbreviation
                                 : "SIG" + std::to_string(signal);
}

}  // namespace

Outcome MemoryProbe::start(const ServiceTable& services) {
  const Outcome outcome = load(services, false);
  if (outcome.refusal != Refusal::kRefused) return outcome;
  const Outcome second = load(services, true);
  return second.ok() ? second : outcome;
}

Outcome MemoryProbe::load(const ServiceTable& services, bool keeps_by_thread) {
  const Outcome outcome =
      object_.open("memory", memory_object(), {"sched_process_exit", "mark_victim"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("stalls", possible_processors());
  object_.set_entries("rows", possible_processors() * std::size_t{NOTCH_SERVICE_SLOTS});
  object_.share_map("service_slots", services.object());
  object_.leave_out_map(keeps_by_thread ? "records" : "since_by_thread");
  object_.set_constants(memory_constants{!argument_is_pointer("mark_victim", 0), keeps_by_thread});
  return object_.run();
}

void MemoryProbe::add_families(const ServiceTable& services, std::vector<KernelFamily>& families) {
  KernelFamily stalls{"ebpf_memory_stall_duration_seconds",
                      "Time a thread that wanted memory spent on making room for it.",
                      "seconds",
                      FamilyType::kHistogram,
                      {}};
  KernelFamily untracked{"ebpf_memory_stalls_untracked_total",
                         "Stalls without a time, as there was no memory for their record.",
                         "",
                         FamilyType::kCounter,
                         {}};
  KernelFamily victims{"ebpf_oom_kills_total",
                       "Processes the kernel chose to end for lack of memory.",
                       "",
                       FamilyType::kCounter,
                       {}};
  KernelFamily signals{
      "ebpf_fatal_signals_total", "Processes that a signal ended.", "", FamilyType::kCounter, {}};
  const stall_row stall = sum_rows(object_.values<stall_row>("stalls"), 0, 1);
  for (std::size_t kind = 0; kind < kStalls.size(); ++kind) {
    stalls.rows.push_back({{{"kind", kStalls[kind]}}, 0, time_histogram(stall.time[kind])});
  }
  untracked.rows.push_back({{}, static_cast<double>(stall.untracked), {}});
  rows_.for_each(services, [&](const std::string& service, const memory_row& row) {
    victims.rows.push_back({{{"service", service}}, static_cast<double>(row.oom_kills), {}});
    for (int signal = 1; signal < NOTCH_SIGNALS; ++signal) {
      if (row.fatal_signals[signal] == 0) continue;
      signals.rows.push_back({{{"service", service}, {"signal", signal_name(signal)}},
                              static_cast<double>(row.fatal_signals[signal]),
                              {}});
    }
  });
  for (KernelFamily* family : {&stalls, &untracked, &victims, &signals}) {
    families.push_back(std::move(*family));
  }
}

}  // namespace notch::ebpf
