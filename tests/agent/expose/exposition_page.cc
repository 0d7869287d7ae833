// Prints one rich page as http would send it, for judges that are not ours:
//   exposition_page ACCEPT ACCEPT_ENCODING [LATER_MS]
// LATER_MS moves the times of exemplars, as if they had been made anew since. The first line is the
// Content-Type, the second the Content-Encoding or empty, then the body. What the page holds is
// written down a second time, as expectations, in exposition_judges.py and
// exposition_prometheus.py.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "agent/expose/content_negotiation.h"
#include "agent/expose/gzip_body.h"
#include "agent/expose/merge_families.h"
#include "agent/family/label_text.h"
#include "agent/family/prometheus_cpp_families.h"
#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kExemplarTime = 1'700'000'000'250'000'000;
constexpr std::uint64_t kMs = 1'000'000;

std::string labels(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) append_label(text, name, value);
  return text;
}

void add_scalars(SnapshotBuilder& build, std::uint64_t exemplar_time) {
  build.family(MetricType::kCounter, "page_spans_total", "Spans \"made\"\nin a\\b, \xFF.");
  build.row(labels({{"service", "a\\b \"c\"\nd"}, {"kind", "\xC3\xA9\xFF"}}), {41});
  build.created(1'700'000'000);
  build.row(labels({{"service", "plain"}, {"kind", ""}}), {9007199254740993});
  build.exemplar(0, 1, exemplar_time);
  build.family(MetricType::kCounter, "page_busy_seconds_total", "Busy.").unit = "seconds";
  auto& busy = build.family(MetricType::kCounter, "page_idle_seconds_total", "Idle.");
  busy.unit = "seconds";
  busy.number = Number::kFloat;
  build.row("", {SnapshotBuilder::bits(0.1 + 0.2)});
  build.row("state=\"faulty\"", {SnapshotBuilder::bits(-1)});
  build.family(MetricType::kCounter, "page_odd", "A counter without its ending.");
  build.row("", {3});
  build.family(MetricType::kUnknown, "page_untyped", "Unknown.").unit = "mismatch";
  build.set("", 2.5);
  build.family(MetricType::kGauge, "page_level", "Gauges of every kind.");
  build.set("i=\"zero\"", 0);
  build.set("i=\"negative\"", -2.5);
  build.set("i=\"inf\"", std::numeric_limits<double>::infinity());
  build.set("i=\"nan\"", std::numeric_limits<double>::quiet_NaN());
  build.unset("i=\"unset\"");
  build.family(MetricType::kGauge, "page_inflight", "Up and down.").number = Number::kSigned;
  build.row("", {static_cast<std::uint64_t>(-4)});
}

void add_histograms(SnapshotBuilder& build, std::uint64_t exemplar_time) {
  auto& classic = build.family(MetricType::kHistogram, "page_latency_seconds", "Latency.");
  classic.unit = "seconds";
  classic.bounds = {0.005, 0.25, 1, 1e6};
  build.row("route=\"/\"", {1, 2, 0, 4, 8, SnapshotBuilder::bits(12.75)});
  build.created(1'700'000'001);
  build.row("route=\"/none\"", {0, 0, 0, 0, 0, 0});
  build.exemplar(1, 0.2, exemplar_time);
  build.exemplar(4, 2e6, exemplar_time);
  build.exemplar(3, 0.5, exemplar_time);  // not in its bucket
  build.family(MetricType::kHistogram, "page_offset", "Bounds below zero.").bounds = {-1, 0, 1};
  build.row("", {1, 2, 3, 4, SnapshotBuilder::bits(-2)});

  build.family(MetricType::kNativeHistogram, "page_native_seconds", "Native.").schema = 3;
  NativeValue value;
  value.zero_count = 2;
  value.sum = 45.5;
  value.positive = {{-2, 3}, {-1, 1}, {1, 4}, {8, 5}, {40, 1}};
  // The newest is in the lowest bucket first, and later between older ones.
  value.exemplars = {SnapshotBuilder::traced(31, exemplar_time - 9 * kMs),
                     SnapshotBuilder::traced(1.9, exemplar_time)};
  if (exemplar_time > kExemplarTime) {
    value.exemplars.insert(value.exemplars.begin() + 1,
                           SnapshotBuilder::traced(0.8, exemplar_time - 5 * kMs));
  }
  build.native("route=\"/\"", value);
  build.created(1'700'000'001);
  build.native("route=\"/none\"", {});
  NativeValue both;
  both.sum = -1;
  both.negative = {{0, 2}, {3, 1}};
  both.positive = {{0, 4}};
  build.family(MetricType::kNativeHistogram, "page_native_both", "Both sides.").schema = 0;
  build.native("", both);
}

prometheus::MetricFamily own_telemetry() {
  prometheus::ClientMetric metric;
  metric.label = {{"version", "1"}};
  metric.gauge.value = 1;
  return {"page_build_info", "From prometheus-cpp.", prometheus::MetricType::Gauge, {metric}};
}

void add_refused(SnapshotBuilder& build) {
  build.family(MetricType::kGauge, "page_spans", "Would clash with page_spans_total.");
  build.set("", 1);
  build.family(MetricType::kGauge, "page_level", "A second page_level.");
  build.set("", 1);
}

int print(const char* accept, const char* accept_encoding, std::uint64_t later_ms) {
  SnapshotBuilder build;
  add_scalars(build, kExemplarTime + later_ms * kMs);
  add_histograms(build, kExemplarTime + later_ms * kMs);
  SnapshotBuilder refused;
  add_refused(refused);
  const std::vector<Snapshot> sources{
      build.snapshot(), convert_families({own_telemetry()}).snapshot, refused.snapshot()};
  const Negotiated wanted = negotiate(accept, accept_encoding);
  const Page page = write_page(merge_families(sources).snapshot, wanted.format);
  const auto packed = wanted.gzip ? gzip_body(page.body, GzipOptions{}) : std::nullopt;
  const std::string_view bytes = packed ? packed->bytes() : page.body.bytes();
  std::printf("%s\n%s\n", content_type(wanted.format, wanted.escaping).c_str(),
              packed ? "gzip" : "");
  return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() ? 0 : 1;
}

}  // namespace
}  // namespace notch::agent

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: exposition_page ACCEPT ACCEPT_ENCODING [LATER_MS]\n", stderr);
    return 2;
  }
  return notch::agent::print(argv[1], argv[2], argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0);
}
