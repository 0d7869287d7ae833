#include "agent/expose/merge_families.h"

#include <algorithm>

#include "agent/family/sample_names.h"
#include "agent/files/keyed_hash.h"

namespace notch::agent {

const char* merge_drop_name(MergeDrop reason) noexcept {
  return reason == MergeDrop::kDuplicate ? "duplicate" : "clash";
}

Merged merge_families(std::span<const Snapshot> sources) {
  Merged merged;
  NameSet families;
  NameSet taken;
  for (const Snapshot& source : sources) {
    merged.snapshot.owners.insert(merged.snapshot.owners.end(), source.owners.begin(),
                                  source.owners.end());
    for (const FamilySnapshot& family : source.families) {
      const std::vector<std::string> names = sample_names(*family.family);
      if (families.contains(family.family->name)) {
        merged.dropped.push_back({family.family->name, MergeDrop::kDuplicate});
      } else if (std::ranges::any_of(names, [&](const auto& n) { return taken.contains(n); })) {
        merged.dropped.push_back({family.family->name, MergeDrop::kClash});
      } else {
        families.insert(family.family->name);
        taken.insert(names.begin(), names.end());
        merged.snapshot.families.push_back(family);
      }
    }
  }
  std::ranges::sort(merged.snapshot.families, {},
                    [](const FamilySnapshot& f) { return std::string_view(f.family->name); });
  return merged;
}

}  // namespace notch::agent
