#include "agent/family/sample_names.h"

namespace notch::agent {
namespace {

constexpr std::string_view kTotal = "_total";

}  // namespace

std::string_view base_name(const Family& family) noexcept {
  const std::string_view name = family.name;
  if (family.type != MetricType::kCounter || lacks_total(family)) return name;
  return name.substr(0, name.size() - kTotal.size());
}

bool lacks_total(const Family& family) noexcept {
  return family.type == MetricType::kCounter &&
         (family.name.size() <= kTotal.size() || !family.name.ends_with(kTotal));
}

std::vector<std::string> sample_names(const Family& family) {
  const std::string base(base_name(family));
  switch (family.type) {
    case MetricType::kCounter:
      if (lacks_total(family)) break;
      return {family.name, base, base + "_created"};
    case MetricType::kHistogram:
    case MetricType::kNativeHistogram:
      return {base, base + "_bucket", base + "_count", base + "_sum", base + "_created"};
    case MetricType::kGauge:
    case MetricType::kUnknown:
      break;
  }
  return {base};
}

}  // namespace notch::agent
