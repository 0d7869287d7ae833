// The label `service` of a row's text: always the first, if there is one.
// Called by: tally, ledger_replay, collect, service_owners.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "agent/services/service_rename.h"

namespace notch::agent {

// The label as it stands in the text, `service="shop"`; empty if there is none.
std::string_view service_label(std::string_view labels) noexcept;

// The same of a service's name.
std::string service_label_of(std::string_view service);

// The name of a service that does not hold its name: `NAME@UID`.
std::string suffixed_name(const std::string& service, std::uint32_t owner_uid);

// Several renames, in force at once.
class LabelRenames {
 public:
  // Those to an empty name are passed over: rows of a service that is gone are gone before.
  explicit LabelRenames(std::span<const ServiceRename> renames);

  bool empty() const noexcept { return labels_.empty(); }

  // False if nothing changes; else `renamed` is the row's text under the new name. Cost: a look-up.
  bool apply(std::string_view labels, std::string& renamed) const;

 private:
  std::map<std::string, std::string, std::less<>> labels_;
};

}  // namespace notch::agent
