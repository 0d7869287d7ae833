#include "client/examples/otlp/demo_report.h"

#include <cstdio>

#include "client/examples/otlp/truth_series.h"

namespace otlp_demo {
namespace {

// Names and label values are this program's own constants, none of which needs escaping.
std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string field(std::string_view name, std::uint64_t number) {
  return quoted(name) + ": " + std::to_string(number);
}

std::string counter(std::size_t series, const TruthTotals& truth) {
  const SeriesName name = series_name(series);
  std::string labels;
  for (const auto& [label, value] : name.labels) {
    labels += (labels.empty() ? "" : ", ") + quoted(label) + ": " + quoted(value);
  }
  return "{\"metric\": " + quoted(name.metric) + ", \"labels\": {" + labels + "}, " +
         field("at_least", truth.at_least[series]) + ", " +
         field("at_most", truth.at_most[series]) + "}";
}

}  // namespace

std::string to_json(const DemoReport& report) {
  std::string text =
      "{\n  " + field("seed", report.seed) + ",\n  \"seconds\": " + std::to_string(report.seconds) +
      ",\n  \"processes\": {" + field("started", report.workers_started) + ", " +
      field("ready", report.workers_ready) + ", " + field("attached", report.workers_attached) +
      ", " + field("killed", report.workers_killed) + ", " +
      field("replaced", report.workers_replaced) + ", " + field("forced", report.workers_forced) +
      ", " + field("died", report.workers_died) + "},\n  \"collectors\": {" +
      field("started", report.collectors_started) + ", " + field("died", report.collectors_died) +
      ", " + field("spans_taken", report.spans_taken) + ", " +
      field("spans_refused", report.spans_refused) + "},\n  \"counters\": [";
  for (std::size_t series = 0; series < kTruthSeries; ++series) {
    text += (series == 0 ? "\n    " : ",\n    ") + counter(series, report.truth);
  }
  return text + "\n  ]\n}\n";
}

bool write_file(const std::string& path, const std::string& text) {
  const std::string unfinished = path + ".new";
  std::FILE* const file = std::fopen(unfinished.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  if (written && closed && std::rename(unfinished.c_str(), path.c_str()) == 0) return true;
  std::remove(unfinished.c_str());
  return false;
}

}  // namespace otlp_demo
