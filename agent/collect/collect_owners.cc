// Keeps services and their names in step: a segment joins a service, and a service has one name
// everywhere. Called by: collect.cc, when it takes segments and at each sweep.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "agent/collect/collect.h"
#include "agent/services/service_label.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kOwnersCheck_s = 600;  // at most; and as often as rows' retention at least

// Names are programs' choice: nothing of them may end a line of a log.
std::string printable(std::string_view name) {
  std::string text;
  for (const char c : name) text += c >= ' ' && c < '\x7f' ? c : '?';
  return text;
}

const char* reason_text(NameChange change) noexcept {
  switch (change) {
    case NameChange::kOtherUsers:
      return "a name that ends so is another user's";
    case NameChange::kTooMany:
      return "there is no room for more services of that user";
    default:
      return "the name is another owner's";
  }
}

}  // namespace

void Collect::claim_service(LiveSegment& segment) {
  const shm::SegmentInfo& info = segment.reader.info();
  const std::string name = info.service.empty() ? "unknown_service" : info.service;
  const std::uint32_t uid = segment.file.owner_uid();
  const std::size_t services = owners_.size();
  NameChange change = NameChange::kNone;
  segment.service = &owners_.join({name, uid, info.lineage_key}, change);
  if (change == NameChange::kNone) return;
  ++stats_.renamed_services[static_cast<std::size_t>(change)];
  // Once for each service; of those past the limit the last.
  if (owners_.size() == services && change != NameChange::kTooMany) return;
  stats_.service_message = "service \"" + printable(name) + "\" of uid " + std::to_string(uid) +
                           " is shown as \"" + printable(segment.service->shown()) +
                           "\": " + reason_text(change);
}

// Replaces a service's former name everywhere: in its rows, its living segments, its ends. In the ledger
// the record itself says so.
void Collect::take_owner_changes() {
  const std::vector<ServiceRename> renames = owners_.take_renames();
  if (!renames.empty()) {
    tally_.rename_services(renames);
    for (auto& segment : living_.all()) {
      if (segment != nullptr) segment->binding->service = segment->service->shown();
    }
    deaths_.rename(renames);
    for (const ServiceRename& rename : renames) {
      if (rename.to.empty()) continue;
      ++stats_.renamed_services[static_cast<std::size_t>(NameChange::kDisplaced)];
      stats_.service_message = "service \"" + printable(rename.from) + "\" is shown as \"" +
                               printable(rename.to) + "\" from now on";
    }
    renames_.insert(renames_.end(), renames.begin(), renames.end());
  }
  for (const ServiceRecord& record : owners_.take_records()) {
    if (options_.tally.per_process) continue;
    ledger_.define_service(record);
  }
}

void Collect::retire_owners(const Moment& now) {
  const std::uint64_t retention_s = options_.retention_s;
  if (retention_s == 0 || now.boot_s < next_owners_s_) return;
  next_owners_s_ = now.boot_s + std::min(kOwnersCheck_s, retention_s);
  if (!owners_.any_idle(now.boot_s, retention_s)) return;
  const NameSet in_use = tally_.service_labels();
  owners_.retire(now.boot_s, retention_s, [&](const std::string& shown) {
    return in_use.contains(service_label_of(shown));
  });
  take_owner_changes();
}

}  // namespace notch::agent
