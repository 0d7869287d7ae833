// Services that are called otherwise from now on, and what is kept under their names.
// Made by: service_owners. Called by: whoever keeps figures by service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace notch::agent {

struct ServiceRename {
  std::string from;
  std::string to;  // empty: the service is gone

  bool operator==(const ServiceRename&) const = default;
};

// Why a segment is shown under another name than it asked for, or a service under another than
// before.
enum class NameChange : std::uint8_t {
  kNone,
  kTaken,       // another owner holds the name
  kOtherUsers,  // the name ends in another user's `@UID`
  kTooMany,     // the user, or all together, have no more services
  kDisplaced,   // a service lost its name to one of a higher rank, or got it back
};
inline constexpr std::size_t kNameChanges = 5;

// As used in the `reason` label; never null.
const char* name_change_name(NameChange change) noexcept;

// Moves what a map has by service, all at once: two services may change their names with each
// other. Entries of a service that is gone are removed.
template <class Map>
void rename_keys(std::span<const ServiceRename> renames, Map& map) {
  std::vector<typename Map::node_type> moved;
  for (const ServiceRename& rename : renames) {
    auto node = map.extract(rename.from);
    if (node.empty() || rename.to.empty()) continue;
    node.key() = rename.to;
    moved.push_back(std::move(node));
  }
  for (auto& node : moved) map.insert(std::move(node));
}

}  // namespace notch::agent
