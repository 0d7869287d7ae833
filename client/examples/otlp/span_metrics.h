// The service's metrics, all defined at start, and the counting of them: each count goes to Notch
// and, beside it, to the worker's page of truth. Called by: exporter.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "client/examples/otlp/truth_page.h"
#include "notch/registry.h"

namespace otlp_demo {

// Copies freely; a copy per thread with its own lane. Not to be shared between threads, because a
// lane has one writer.
class SpanMetrics {
 public:
  // Defines everything. `native` adds the latency as a native histogram too. On a refusal,
  // `status` says which rule was broken.
  SpanMetrics(TruthLane& lane, bool native, notch::Status& status);

  SpanMetrics with_lane(TruthLane& lane) const {
    SpanMetrics copy = *this;
    copy.lane_ = &lane;
    return copy;
  }

  void span_created(const Span& span);
  void span_ended(const Span& span);
  void spans_exported(Status status, std::size_t spans);
  void spans_refused(ExportError error, std::size_t spans);
  void batch_begun(std::size_t spans);
  // `first` is the batch's first span: the exemplar of its bucket.
  void attempt_ended(double seconds, const Span& first);
  void queue_size(std::size_t spans) { queue_size_.set(static_cast<double>(spans)); }

 private:
  void define_span_series(notch::Status& status);
  void define_export_series(notch::Status& status);

  TruthLane* lane_;
  std::array<notch::Counter, kSpanSeries> created_;
  std::array<notch::Histogram, kSpanSeries> duration_;
  std::array<notch::Counter, kStatusNames.size()> exported_;
  std::array<notch::Counter, kErrorNames.size()> errors_;
  notch::Histogram batch_size_;
  notch::Histogram latency_;
  std::optional<notch::NativeHistogram> native_latency_;
  notch::Gauge queue_size_;
};

}  // namespace otlp_demo
