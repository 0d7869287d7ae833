// The series whose true counts are kept, numbered from 0 and laid out kind after kind, and their
// names in an exposition. Called by: demo_report, truth_page.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "client/examples/otlp/span.h"

namespace otlp_demo {

inline constexpr std::size_t kSpanSeries = kServices.size() * kKinds.size();
inline constexpr std::size_t kCreatedBase = 0;
inline constexpr std::size_t kEndedBase = kCreatedBase + kSpanSeries;
inline constexpr std::size_t kExportedBase = kEndedBase + kSpanSeries;
inline constexpr std::size_t kErrorBase = kExportedBase + kStatusNames.size();
inline constexpr std::size_t kBatchSeries = kErrorBase + kErrorNames.size();
inline constexpr std::size_t kTruthSeries = kBatchSeries + 1;

constexpr std::size_t span_series(std::size_t service, std::size_t kind) {
  return service * kKinds.size() + kind;
}
constexpr std::size_t created_series(const Span& span) {
  return kCreatedBase + span_series(span.service, span.kind);
}
constexpr std::size_t ended_series(const Span& span) {
  return kEndedBase + span_series(span.service, span.kind);
}
constexpr std::size_t exported_series(Status status) {
  return kExportedBase + static_cast<std::size_t>(status);
}
constexpr std::size_t error_series(ExportError error) {
  return kErrorBase + static_cast<std::size_t>(error);
}

struct SeriesName {
  std::string_view metric;  // as a scraper sees it: with _count for histograms
  std::vector<std::pair<std::string_view, std::string_view>> labels;
};

// REQUIRES: series < kTruthSeries.
inline SeriesName series_name(std::size_t series) {
  if (series < kExportedBase) {
    const std::size_t pair = series % kSpanSeries;
    return {series < kEndedBase ? "otlp_spans_created_total" : "otlp_spans_duration_seconds_count",
            {{"service_name", kServices[pair / kKinds.size()]},
             {"span_kind", kKinds[pair % kKinds.size()]}}};
  }
  if (series < kErrorBase) {
    return {"otlp_spans_exported_total",
            {{"exporter", kExporter}, {"status", kStatusNames[series - kExportedBase]}}};
  }
  if (series < kBatchSeries) {
    return {"otlp_spans_export_errors_total",
            {{"exporter", kExporter}, {"error_type", kErrorNames[series - kErrorBase]}}};
  }
  return {"otlp_exporter_batch_size_count", {}};
}

}  // namespace otlp_demo
