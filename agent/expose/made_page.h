// One page from what the collectors gave: merged, picked by name, written in one format, compressed. A function of values: it
// knows neither requests nor who else reads the page.
// Called by: scrape.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/expose/body.h"
#include "agent/expose/gzip_body.h"
#include "agent/expose/merge_families.h"
#include "agent/expose/page.h"
#include "agent/expose/page_memory.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

struct PageChoice {
  std::vector<std::string> names{};  // of families, ascending; empty: all
  Format format = Format::kText;
  bool gzip = false;
};

struct MadePage {
  Body body;
  std::string content_encoding;  // empty: plain
  PageCounts counts;
  std::vector<DroppedFamily> dropped;
};

// Of two sources with one family the later one's is shown. The sources are let go before the page is compressed. Cost:
// write_page()'s and gzip_body()'s. Throws nothing but std::bad_alloc.
MadePage make_page(std::vector<Snapshot> sources, const PageChoice& choice, const GzipOptions& gzip,
                   std::shared_ptr<SpareMemory> spare = nullptr);

}  // namespace notch::agent
