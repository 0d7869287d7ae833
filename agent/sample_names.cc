#include "agent/sample_names.h"

#include "agent/page.h"

namespace notch::agent {

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
