// A service and whose it is, as the ledger keeps it.
// Made by: service_owners, ledger_replay.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace notch::agent {

// The key of processes that were forked from one another, secret; zero: none.
using LineageKey = std::array<std::uint8_t, 16>;

struct ServiceRecord {
  std::string name;
  std::uint32_t owner_uid = 0;
  bool holds = false;  // it is shown under its name
  std::vector<LineageKey> keys;

  bool operator==(const ServiceRecord&) const = default;
};

}  // namespace notch::agent
