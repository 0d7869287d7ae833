// What collecting is told on the command line. Called by: options, collect and its parts.
#pragma once

#include <cstdint>
#include <string>

#include "agent/segments/mapped_segment.h"
#include "agent/segments/segment_quota.h"
#include "agent/services/service_owners.h"
#include "agent/tally/tally.h"
#include "shm/segment_reader.h"

namespace notch::agent {

struct CollectOptions {
  // The accounts that every limit here goes by; must outlive the Collect.
  void count_by(Accounts& accounts) { tally.accounts = owners.accounts = &accounts; }

  TallyOptions tally;
  SegmentLimits limits;
  ServiceOwnerOptions owners;
  std::uint64_t page_bytes_per_segment = std::uint64_t{1} << 27;
  MapLimits map_limits;
  shm::ReaderLimits reader_limits;
  std::uint64_t retention_s = 7 * 24 * 3600;  // of rows nobody living has a part in; 0: for ever
  std::uint64_t linger_s = 300;               // of dead segments' files, with tally.per_process
  std::string ledger_name = "agent.ledger";
};

}  // namespace notch::agent
