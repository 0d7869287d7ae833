#include "agent/expose/made_page.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace notch::agent {
namespace {

void pick(const std::vector<std::string>& names, Snapshot& snapshot) {
  if (names.empty()) return;
  std::erase_if(snapshot.families, [&](const FamilySnapshot& family) {
    return !std::ranges::binary_search(names, family.family->name);
  });
}

}  // namespace

MadePage make_page(std::vector<Snapshot> sources, const PageChoice& choice, const GzipOptions& gzip,
                   std::shared_ptr<SpareMemory> spare) {
  MadePage made;
  {
    std::ranges::reverse(sources);  // merging prefers the first
    Merged merged = merge_families(sources);
    sources.clear();
    made.dropped = std::move(merged.dropped);
    pick(choice.names, merged.snapshot);
    Page page = write_page(merged.snapshot, choice.format, std::move(spare));
    made.body = std::move(page.body);
    made.counts = page.counts;
  }
  if (!choice.gzip) return made;
  if (std::optional<Body> small = gzip_body(made.body, gzip)) {
    made.body = std::move(*small);
    made.content_encoding = "gzip";
  }
  return made;
}

}  // namespace notch::agent
