#include "agent/host/host_collectors.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "agent/host/collector_table.h"

namespace notch::agent {

HostCollectors::HostCollectors(const HostOptions& options)
    : prefix_(options.prefix), files_(options.paths) {
  for (const HostCollectorEntry& entry : host_collector_table()) {
    if (std::ranges::find(options.collectors, entry.name) == options.collectors.end()) continue;
    running_.push_back({std::string(entry.name), entry.make(options), ""});
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

HostCollectors::Outcome HostCollectors::run(Running& running, FamilyList& families) {
  const auto start = std::chrono::steady_clock::now();
  CollectResult result;
  try {
    result = running.collector->collect(files_, families);
  } catch (const std::exception& error) {
    result = CollectResult::failed(error.what());
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  tell(running, result);
  return {running.name, taken.count(), result.kind == CollectResult::Kind::kDone};
}

void HostCollectors::sample() {
  files_.begin_scrape();
  for (const Running& running : running_) running.collector->sample(files_);
}

Snapshot HostCollectors::gather(const std::vector<bool>& wanted) {
  files_.begin_scrape();
  FamilyList families(prefix_);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < running_.size() && i < wanted.size(); ++i) {
    if (wanted[i]) outcomes.push_back(run(running_[i], families));
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
