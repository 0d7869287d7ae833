// Runs the host's collectors for a scrape, and says of each how long it took and whether it
// succeeded. Called by: daemon.
//
// Invariants
//   HR1  Whatever a collector does but hang, in a scrape or at its interval, the others' families
//        and its own two figures are there; of one that fails there are no others.
//   HR2  An error is told by on_error once, and again only when its words have changed or it had
//        gone meanwhile; it is counted each time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/snapshot.h"
#include "agent/host/collector_table.h"
#include "agent/host/host_collector.h"
#include "agent/host/host_drops.h"
#include "agent/host/host_options.h"

namespace notch::agent {

class HostCollectors {
 public:
  // `drops`: where what is left out is counted; outlives this. `table`: all there are.
  HostCollectors(const HostOptions& options, HostDrops& drops,
                 std::span<const HostCollectorEntry> table = host_collector_table());

  // The collectors that are switched on, in the order in which gather() counts them.
  std::vector<std::string> names() const;

  // To be called every HostOptions::interval_s. A collector that fails here has no success in the
  // scrapes until the next call.
  void sample();

  // Runs those that `wanted`, one per name, says. Cost: about a millisecond for all.
  Snapshot gather(const std::vector<bool>& wanted);

  // Called with the collector's name and what went wrong.
  std::function<void(std::string_view, const std::string&)> on_error;

  // How often each collector failed; of those that did.
  const std::map<std::string, std::uint64_t>& errors() const noexcept { return errors_; }

 private:
  struct Running {
    std::string name;
    std::unique_ptr<HostCollector> collector;
    std::string told;    // the error told last; empty while there is none
    std::string sample;  // the error of the last sample(); empty if it went well
  };
  struct Outcome {
    std::string_view name;
    double seconds = 0;
    bool succeeded = false;
  };

  template <class Step>
  CollectResult guarded(const Running& running, const Step& step);
  Outcome run(Running& running, FamilyList& families);
  void tell(Running& running, const CollectResult& result);

  const std::string prefix_;
  HostDrops& drops_;
  HostFiles files_;
  std::vector<Running> running_;
  std::map<std::string, std::uint64_t> errors_;
};

}  // namespace notch::agent
