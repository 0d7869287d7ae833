#include "agent/collect_log.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace notch::agent {
namespace {

constexpr std::uint64_t kCensusLine_s = 3600;

}  // namespace

bool ChangingLine::is_due(const std::string& message, std::uint64_t now_boot_s) {
  if (message == last_ || now_boot_s < next_boot_s_) return false;
  last_ = message;
  next_boot_s_ = now_boot_s + pause_s_;
  return true;
}

void CollectLog::tell(const CollectStats& stats, const std::string& directory, const Moment& now) {
  const std::string& message = stats.ledger_message;
  if (message != ledger_message_ && !message.empty()) spdlog::error("{}", message);
  ledger_message_ = message;
  if (stats.ledger_replacements != std::exchange(ledger_replacements_, stats.ledger_replacements)) {
    spdlog::warn(
        "the ledger in {} was removed, replaced or writable by another agent: it is written anew",
        directory);
  }
  if (rejected_.is_due(stats.rejected_message, now.boot_s)) {
    spdlog::warn("{}", stats.rejected_message);
  }
  if (renamed_.is_due(stats.service_message, now.boot_s)) {
    spdlog::warn("{}", stats.service_message);
  }
}

void CollectLog::tell_census(const DirectoryCensus& census, const std::string& directory,
                             const Moment& now) {
  const std::string warning = census_warning(census, directory);
  if (warning.empty() || now.boot_s < next_census_boot_s_) return;
  spdlog::warn("{}", warning);
  next_census_boot_s_ = now.boot_s + kCensusLine_s;
}

}  // namespace notch::agent
