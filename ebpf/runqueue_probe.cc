#include "ebpf/runqueue_probe.h"

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

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
  rows_.for_each(services, [&](const std::string& service, const runqueue_row& row) {
    wait.rows.push_back({{{"service", service}}, 0, time_histogram(row.wait)});
  });
  families.push_back(std::move(wait));
}

}  // namespace notch::ebpf
