// Answers /metrics: negotiates, asks the collectors, has one page made (made_page.h), and shares it with
// scrapes that overlap (shared_pages.h). Called by: daemon, as a route.
//
// Invariants
//   SC1  One page is one gather: every number of it is of the same moment.
//   SC2  Collectors gather in their order; of two with one family, the later one's is shown. So no
//        program can take the names of what the agent says of itself.
//   SC3  While the pages being sent hold max_held_bytes or more, no further page is made. So they
//        never hold more than that and one page.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/expose/content_negotiation.h"
#include "agent/expose/exposition_stats.h"
#include "agent/expose/gzip_body.h"
#include "agent/expose/made_page.h"
#include "agent/expose/page_memory.h"
#include "agent/expose/shared_pages.h"
#include "agent/family/snapshot.h"
#include "agent/http/http_message.h"

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

struct ScrapeOptions {
  GzipOptions gzip{};
  std::uint64_t max_held_bytes = std::uint64_t{256} << 20;  // of pages being sent; 0: no limit
};

class Scrape {
 public:
  explicit Scrape(std::vector<Collector> collectors, ScrapeOptions options = {});

  // Query parameters: collect[] or exclude[] (not both) name collectors, name[] exact family names.
  // An unknown collector, or both, is a 400 that says so; an unknown family is just not there. A
  // page that there is no memory for is a 503 with no_memory.
  Response respond(const Request& request);

  ExpositionStats stats() const;

  // Called with the seconds each page took to make.
  std::function<void(double)> on_page;

 private:
  struct Selection {
    std::vector<std::vector<bool>> collectors;  // one of each part, or one if it has none
    std::vector<std::string> names;
    std::string error;
  };

  Selection select(const Request& request) const;
  bool mark(const std::string& name, bool wanted, Selection& selection) const;
  std::vector<Snapshot> gather(const Selection& selection) const;
  // A shared one, or one that is made now; null if there is no memory for it.
  std::shared_ptr<const SentPage> page_for(Selection&& selection, const Negotiated& wanted);
  void count(const MadePage& made);

  const std::vector<Collector> collectors_;
  const ScrapeOptions options_;
  const std::shared_ptr<SpareMemory> spare_ = std::make_shared<SpareMemory>();
  SharedPages pages_;
  ExpositionStats stats_;
};

}  // namespace notch::agent
