// Answers /metrics: negotiates, gathers, filters, writes one page, and shares it with scrapes that
// overlap. Called by: daemon, as a route.
//
// Invariants
//   SC1  One page is one gather: every number of it is of the same moment.
//   SC2  A page is shared only while a response with it is still being sent, and for at most 1 s.
//   SC3  Collectors gather in their order; of two with one family, the later one's is shown. So no
//        program can take the names of what the agent says of itself.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent_metrics.h"
#include "agent/content_negotiation.h"
#include "agent/gzip_body.h"
#include "agent/http_message.h"
#include "agent/page_memory.h"
#include "agent/snapshot.h"

namespace notch::agent {

// One source of families, which `collect[]` and `exclude[]` name.
struct Collector {
  std::string name;
  std::function<Snapshot()> gather;
  // A source of parts that can be named alone too, as its own name stands for all, has these two
  // instead of `gather`.
  std::vector<std::string> parts{};
  std::function<Snapshot(const std::vector<bool>& wanted)> gather_parts{};
};

class Scrape {
 public:
  explicit Scrape(std::vector<Collector> collectors, GzipOptions gzip = {});

  // Query parameters: collect[] or exclude[] (not both) name collectors, name[] exact family names.
  // An unknown collector, or both, is a 400 that says so; an unknown family is just not there.
  Response respond(const Request& request);

  const ExpositionStats& stats() const noexcept { return stats_; }

  // Called with the seconds each page took to make.
  std::function<void(double)> on_page;

 private:
  struct SentPage {
    Body body;
    std::string content_encoding;
  };
  struct Shared {
    std::weak_ptr<const SentPage> page;
    std::chrono::steady_clock::time_point made;
  };
  struct Selection {
    std::vector<std::vector<bool>> collectors;  // one of each part, or one if it has none
    std::vector<std::string> names;
    std::string error;
  };

  Selection select(const Request& request) const;
  bool mark(const std::string& name, bool wanted, Selection& selection) const;
  Snapshot gather(const Selection& selection);
  std::shared_ptr<const SentPage> page_for(const Selection& selection, const Negotiated& wanted);

  const std::vector<Collector> collectors_;
  const GzipOptions gzip_;
  const std::shared_ptr<SpareMemory> spare_ = std::make_shared<SpareMemory>();
  std::map<std::string, Shared> shared_;  // by format and selection
  ExpositionStats stats_;
};

}  // namespace notch::agent
