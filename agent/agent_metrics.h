// The agent's own metrics, notch_agent_*: every one of them is declared here.
// Called by: daemon, per scrape.
//
// Invariants
//   AM1  Counters come from totals that only grow, so the page's counters do.
//   AM2  A reason or code that never happened has no series.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/collect/collect_stats.h"
#include "agent/expose/exposition_stats.h"
#include "agent/host/host_drops.h"
#include "agent/http/http_stats.h"
#include "agent/processes/process_sample.h"
#include "agent/segments/directory_census.h"
#include "agent/segments/directory_space.h"

namespace notch::agent {

// The directory of segments, now.
struct DirectoryState {
  std::optional<DirectorySpace> space;
  std::uint64_t ignored_names = 0;  // since the start
  bool watched = true;              // the kernel tells of changes
  bool present = true;              // the path leads to it, and its lock is the agent's
  std::uint64_t regained = 0;       // times it was there again after it was not
  DirectoryCensus census;           // of the last minute
};

// The rule's name as used in the `reason` label; never null.
const char* drop_reason_name(shm::DropReason reason) noexcept;

class AgentMetrics : public prometheus::Collectable {
 public:
  struct Sources {
    std::function<CollectStats()> collect;
    std::function<HttpStats()> http;
    std::function<ExpositionStats()> exposition;
    std::function<DirectoryState()> directory;
    std::function<std::uint64_t()> loop_failures;
    std::function<OutcomeCounts()> process_samples;
    std::function<std::map<std::string, double>()> preload_coverage;    // by service
    std::function<std::map<std::string, std::uint64_t>()> host_errors;  // by collector
    std::function<HostDrops()> host_drops;
  };
  explicit AgentMetrics(Sources sources);

  void observe_scrape(double duration_s) { scrape_duration_.Observe(duration_s); }
  void observe_collect(double duration_s) { collect_duration_.Observe(duration_s); }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Sources sources_;
  prometheus::Histogram scrape_duration_;
  prometheus::Histogram collect_duration_;
};

}  // namespace notch::agent
