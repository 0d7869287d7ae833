#include "client/examples/otlp/span_metrics.h"

namespace otlp_demo {
namespace {

// A definition after a refused one would hide the first refusal.
template <class Define>
void define(notch::Status& status, Define&& one) {
  if (status.ok()) one();
}

}  // namespace

SpanMetrics::SpanMetrics(TruthLane& lane, bool native, notch::Status& status) : lane_(&lane) {
  define_span_series(status);
  define_export_series(status);
  if (!native) return;
  define(status, [&] {
    native_latency_ =
        notch::native_histogram_family({"otlp_exporter_latency_native_seconds",
                                        "Exporter latency in seconds, in exponential buckets",
                                        {"exporter", "protocol"},
                                        "seconds"},
                                       {}, &status)
            .with(kExporter, kProtocol);
  });
}

void SpanMetrics::define_span_series(notch::Status& status) {
  notch::Family<notch::Counter> created;
  notch::Family<notch::Histogram> duration;
  define(status, [&] {
    created = notch::counter_family({"otlp_spans_created_total",
                                     "Total number of spans created",
                                     {"service_name", "span_kind"}},
                                    &status);
  });
  define(status, [&] {
    duration = notch::histogram_family({"otlp_spans_duration_seconds",
                                        "Span duration in seconds",
                                        {"service_name", "span_kind"},
                                        "seconds"},
                                       {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}, &status);
  });
  for (std::size_t service = 0; service < kServices.size(); ++service) {
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      const std::size_t series = span_series(service, kind);
      created_[series] = created.with(kServices[service], kKinds[kind]);
      duration_[series] = duration.with(kServices[service], kKinds[kind]);
    }
  }
}

void SpanMetrics::define_export_series(notch::Status& status) {
  define(status, [&] {
    const auto family = notch::counter_family(
        {"otlp_spans_exported_total", "Total number of spans exported", {"exporter", "status"}},
        &status);
    for (std::size_t i = 0; i < kStatusNames.size(); ++i) {
      exported_[i] = family.with(kExporter, kStatusNames[i]);
    }
  });
  define(status, [&] {
    const auto family = notch::counter_family({"otlp_spans_export_errors_total",
                                               "Total number of span export errors",
                                               {"exporter", "error_type"}},
                                              &status);
    for (std::size_t i = 0; i < kErrorNames.size(); ++i) {
      errors_[i] = family.with(kExporter, kErrorNames[i]);
    }
  });
  define(status, [&] {
    batch_size_ = notch::histogram({"otlp_exporter_batch_size", "Exporter batch size"},
                                   {10, 50, 100, 500, 1000, 5000}, &status);
  });
  define(status, [&] {
    latency_ = notch::histogram_family({"otlp_exporter_latency_seconds",
                                        "Exporter latency in seconds",
                                        {"exporter", "protocol"},
                                        "seconds"},
                                       {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}, &status)
                   .with(kExporter, kProtocol);
  });
  define(status, [&] {
    queue_size_ =
        notch::gauge_family({"otlp_exporter_queue_size", "Current queue size", {"exporter"}},
                            notch::GaugeMode::kSum, &status)
            .with(kExporter);
  });
}

void SpanMetrics::span_created(const Span& span) {
  lane_->cells[created_series(span)].count(
      1, [&] { created_[span_series(span.service, span.kind)].add(); });
}

void SpanMetrics::span_ended(const Span& span) {
  lane_->cells[ended_series(span)].count(1, [&] {
    duration_[span_series(span.service, span.kind)].observe(static_cast<double>(span.duration_ns) *
                                                            1e-9);
  });
}

void SpanMetrics::spans_exported(Status status, std::size_t spans) {
  lane_->cells[exported_series(status)].count(
      spans, [&] { exported_[static_cast<std::size_t>(status)].add(spans); });
}

void SpanMetrics::spans_refused(ExportError error, std::size_t spans) {
  lane_->cells[error_series(error)].count(
      spans, [&] { errors_[static_cast<std::size_t>(error)].add(spans); });
}

void SpanMetrics::batch_begun(std::size_t spans) {
  lane_->cells[kBatchSeries].count(1, [&] { batch_size_.observe(static_cast<double>(spans)); });
}

void SpanMetrics::attempt_ended(double seconds, const Span& first) {
  latency_.observe(seconds, notch::Exemplar(first.trace_id, first.span_id));
  if (native_latency_) native_latency_->observe(seconds);
}

}  // namespace otlp_demo
