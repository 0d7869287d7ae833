#include "ebpf/runqueue_probe.h"

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"
#include "ebpf/runqueue.h"

NOTCH_EMBED_OBJECT(runqueue);

namespace notch::ebpf {

static_assert(sizeof(runqueue_row) % 64 == 0);

Outcome RunqueueProbe::start(const ServiceTable& services) {
  const Outcome outcome = object_.open("runqueue", runqueue_object(), {"sched_switch"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("rows", possible_processors() * NOTCH_SERVICE_SLOTS);
  object_.share_map("service_slots", services.object());
  return object_.run();
}

void RunqueueProbe::add_families(const ServiceTable& services,
                                 std::vector<KernelFamily>& families) {
  KernelFamily wait{
      "ebpf_runqueue_latency_seconds",
      "Time runnable threads waited for a processor, each time one was picked to run.",
      "seconds",
      FamilyType::kHistogram,
      {}};
  const auto rows = object_.values<runqueue_row>("rows");
  for (std::size_t slot = 0; slot < NOTCH_SERVICE_SLOTS; ++slot) {
    if (services.name_of(slot).empty()) continue;
    const runqueue_row row = sum_of_service(rows, slot);
    wait.rows.push_back({{{"service", services.name_of(slot)}}, 0, time_histogram(row.wait)});
  }
  families.push_back(std::move(wait));
}

}  // namespace notch::ebpf
