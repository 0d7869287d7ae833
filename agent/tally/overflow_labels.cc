#include "agent/tally/overflow_labels.h"

#include <algorithm>

#include "agent/services/service_label.h"
#include "agent/services/service_names.h"

namespace notch::agent {
namespace {

constexpr std::string_view kOwnStart = "service=\"(others)@";
constexpr std::string_view kOwnEnd = "\",overflow=\"true\"";

}  // namespace

std::string own_overflow(std::uint32_t uid) {
  std::string labels = service_label_of(suffixed_name(ServiceNames::kOthers, uid));
  return labels.append(1, ',').append(kSharedOverflow);
}

bool is_own_overflow(std::string_view labels) noexcept {
  if (!labels.starts_with(kOwnStart) || !labels.ends_with(kOwnEnd)) return false;
  labels.remove_prefix(kOwnStart.size());
  const std::string_view digits = labels.substr(0, labels.size() - kOwnEnd.size());
  return std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_overflow_of_users(std::string_view labels) noexcept {
  return labels == kSharedOverflow || is_own_overflow(labels);
}

bool has_overflow_mark(std::string_view labels) noexcept {
  if (labels == kSharedOverflow) return true;
  return labels.ends_with(kSharedOverflow) &&
         labels[labels.size() - kSharedOverflow.size() - 1] == ',';
}

}  // namespace notch::agent
