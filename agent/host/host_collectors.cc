#include "agent/host/host_collectors.h"

#include <algorithm>
#include <chrono>
#include <exception>

namespace notch::agent {

HostCollectors::HostCollectors(const HostOptions& options, HostDrops& drops,
                               std::span<const HostCollectorEntry> table)
    : prefix_(options.prefix), drops_(drops), files_(options.paths) {
  for (const HostCollectorEntry& entry : table) {
    if (std::ranges::find(options.collectors, entry.name) == options.collectors.end()) continue;
    running_.push_back({std::string(entry.name), entry.make(options), "", ""});
  }
}

std::vector<std::string> HostCollectors::names() const {
  std::vector<std::string> names;
  for (const Running& running : running_) names.push_back(running.name);
  return names;
}

void HostCollectors::tell(Running& running, const CollectResult& result) {
  if (result.kind != CollectResult::Kind::kFailed) {
    running.told.clear();
    return;
  }
  ++errors_[running.name];
  if (running.told == result.message) return;
  running.told = result.message;
  if (on_error) on_error(running.name, result.message);
}

// The outcome of a collector's step, also if it throws.
template <class Step>
CollectResult HostCollectors::guarded(const Running& running, const Step& step) {
  const std::uint64_t cut_before = files_.cut_texts();
  CollectResult result;
  try {
    result = step();
  } catch (const std::exception& error) {
    result = CollectResult::failed(error.what());
  }
  drops_.add(running.name, HostDrop::kTextTooLong, files_.cut_texts() - cut_before);
  return result;
}

HostCollectors::Outcome HostCollectors::run(Running& running, FamilyList& families) {
  const auto start = std::chrono::steady_clock::now();
  families.begin_collector(running.name);
  CollectResult result =
      guarded(running, [&] { return running.collector->collect(files_, families); });
  // Families emitted before an exception are dropped: they would be half of the answer.
  if (result.kind == CollectResult::Kind::kFailed) families.undo();
  if (result.kind == CollectResult::Kind::kDone && !running.sample.empty()) {
    result = CollectResult::failed(running.sample);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  tell(running, result);
  return {running.name, taken.count(), result.kind == CollectResult::Kind::kDone};
}

void HostCollectors::sample() {
  files_.begin_scrape();
  for (Running& running : running_) {
    const CollectResult result = guarded(running, [&] {
      running.collector->sample(files_);
      return CollectResult::done();
    });
    running.sample = result.message;
  }
}

Snapshot HostCollectors::gather(const std::vector<bool>& wanted) {
  files_.begin_scrape();
  FamilyList families(prefix_, drops_);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < running_.size() && i < wanted.size(); ++i) {
    if (wanted[i]) outcomes.push_back(run(running_[i], families));
  }
  families.begin_collector("host");
  const auto is_of_node_exporter = [](const Outcome& outcome) {
    return outcome.name != "otlp_system";
  };
  if (std::ranges::any_of(outcomes, is_of_node_exporter)) {
    // Dashboards of node_exporter take the list of hosts from this family.
    families.begin(MetricType::kGauge, "exporter_build_info",
                   "What serves these families in node_exporter's place, value is always 1.");
    families.add(1, {{"version", "notchd-" NOTCH_AGENT_VERSION}});
  }
  families.begin(MetricType::kGauge, "scrape_collector_duration_seconds",
                 "Duration of a collector scrape.");
  for (const Outcome& outcome : outcomes)
    families.add(outcome.seconds, {{"collector", outcome.name}});
  families.begin(MetricType::kGauge, "scrape_collector_success", "Whether a collector succeeded.");
  for (const Outcome& outcome : outcomes) {
    families.add(outcome.succeeded ? 1 : 0, {{"collector", outcome.name}});
  }
  return families.finish();
}

}  // namespace notch::agent
