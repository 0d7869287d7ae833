#include "agent/services/service_label.h"

#include <cstddef>

#include "agent/family/label_text.h"

namespace notch::agent {

std::string_view service_label(std::string_view labels) noexcept {
  constexpr std::string_view kStart = "service=\"";
  if (!labels.starts_with(kStart)) return {};
  for (std::size_t at = kStart.size(); at < labels.size(); ++at) {
    if (labels[at] == '\\') {
      ++at;
    } else if (labels[at] == '"') {
      return labels.substr(0, at + 1);
    }
  }
  return {};
}

std::string service_label_of(std::string_view service) {
  std::string label;
  append_label(label, "service", service);
  return label;
}

std::string suffixed_name(const std::string& service, std::uint32_t owner_uid) {
  return service + '@' + std::to_string(owner_uid);
}

LabelRenames::LabelRenames(std::span<const ServiceRename> renames) {
  for (const ServiceRename& rename : renames) {
    if (!rename.to.empty()) labels_[service_label_of(rename.from)] = service_label_of(rename.to);
  }
}

bool LabelRenames::apply(std::string_view labels, std::string& renamed) const {
  const std::string_view label = service_label(labels);
  if (label.empty()) return false;
  const auto found = labels_.find(label);
  if (found == labels_.end()) return false;
  renamed = found->second;
  renamed += labels.substr(label.size());
  return true;
}

}  // namespace notch::agent
