#include "ebpf/process_probe.h"

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(process);

namespace notch::ebpf {

static_assert(sizeof(process_row) % 64 == 0);

Outcome ProcessProbe::start(const ServiceTable& services) {
  const Outcome outcome =
      object_.open("process", process_object(),
                   {"sched_process_fork", "sched_process_exec", "sched_process_exit"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("rows", possible_processors() * std::size_t{NOTCH_SERVICE_SLOTS});
  object_.share_map("service_slots", services.object());
  return object_.run();
}

void ProcessProbe::add_families(const ServiceTable& services, std::vector<KernelFamily>& families) {
  KernelFamily created{"ebpf_processes_created_total",
                       "Processes created, by their parent's service.",
                       "",
                       FamilyType::kCounter,
                       {}};
  KernelFamily threads{"ebpf_threads_created_total",
                       "Threads created, first threads not counted.",
                       "",
                       FamilyType::kCounter,
                       {}};
  KernelFamily executed{
      "ebpf_programs_executed_total", "Programs executed (exec).", "", FamilyType::kCounter, {}};
  KernelFamily lifetime{"ebpf_process_lifetime_seconds",
                        "Lifetimes of processes that ended; their number is the count.",
                        "seconds",
                        FamilyType::kHistogram,
                        {}};
  rows_.for_each(services, [&](const std::string& service, const process_row& row) {
    const Labels labels{{"service", service}};
    created.rows.push_back({labels, static_cast<double>(row.processes_created), {}});
    threads.rows.push_back({labels, static_cast<double>(row.threads_created), {}});
    executed.rows.push_back({labels, static_cast<double>(row.programs_executed), {}});
    lifetime.rows.push_back({labels, 0, time_histogram(row.lifetime)});
  });
  for (KernelFamily* family : {&created, &threads, &executed, &lifetime}) {
    families.push_back(std::move(*family));
  }
}

}  // namespace notch::ebpf
