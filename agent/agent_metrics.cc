#include "agent/agent_metrics.h"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "agent/processes/own_process.h"

namespace notch::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

const prometheus::Histogram::BucketBoundaries kDurationBounds_s = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

using Labels = std::vector<std::pair<std::string, std::string>>;

// The families of one collection, each declared by one call.
class Declarations {
 public:
  MetricFamily& family(const char* name, const char* help, MetricType type) {
    MetricFamily& added = families_.emplace_back();
    added.name = name;
    added.help = help;
    added.type = type;
    return added;
  }

  void counter(const char* name, const char* help, std::uint64_t value) {
    point(family(name, help, MetricType::Counter), {}, static_cast<double>(value));
  }

  void gauge(const char* name, const char* help, double value) {
    point(family(name, help, MetricType::Gauge), {}, value);
  }

  static void point(MetricFamily& family, const Labels& labels, double value) {
    ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    metric.counter.value = value;
    metric.gauge.value = value;
  }

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void declare_segments(const CollectStats& stats, Declarations& declare) {
  MetricFamily& segments =
      declare.family("notch_agent_segments", "Segment files known, by state.", MetricType::Gauge);
  const std::array<std::pair<const char*, std::uint64_t>, 6> states = {
      {{"live", stats.live_segments},
       {"dead", stats.dead_segments},
       {"nameless", stats.nameless_segments},
       {"rejected", stats.rejected_segments},
       {"waiting", stats.waiting_segments},
       {"unremoved", stats.unremoved_segments}}};
  for (const auto& [state, count] : states) {
    Declarations::point(segments, {{"state", state}}, static_cast<double>(count));
  }
  declare.gauge("notch_agent_series", "Series bound, over all segments.",
                static_cast<double>(stats.series));
  declare.gauge("notch_agent_rows", "Rows of the exposition that come from segments.",
                static_cast<double>(stats.rows));
  declare.gauge("notch_agent_mapped_bytes", "Address space of all mapped segments.",
                static_cast<double>(stats.mapped_bytes));
  declare.gauge("notch_agent_segment_memory_bytes", "Memory the segments take.",
                static_cast<double>(stats.claimed_bytes));
  declare.gauge("notch_agent_ledger_rows", "Rows of dead processes in the ledger.",
                static_cast<double>(stats.ledger_rows));
  declare.gauge("notch_agent_ledger_bytes", "Size of the ledger's file.",
                static_cast<double>(stats.ledger_bytes));
}

void declare_directory(const DirectoryState& state, Declarations& declare) {
  declare.counter("notch_agent_ignored_names_total",
                  "Names in the directory that are neither segments nor the agent's own.",
                  state.ignored_names);
  declare.gauge("notch_agent_directory_watched",
                "1 while the kernel tells of the directory's changes, 0 while sweeps list it.",
                state.watched ? 1 : 0);
  declare.gauge("notch_agent_directory_present",
                "0 while the directory or its lock is removed or another's, and new programs are "
                "not seen.",
                state.present ? 1 : 0);
  declare.counter(
      "notch_agent_directory_replacements_total",
      "Times the directory or its lock was removed or replaced, and made or taken anew.",
      state.regained);
  if (const auto& space = state.space) {
    declare.gauge("notch_agent_directory_size_bytes",
                  "Size of the file system the segments are on.",
                  static_cast<double>(space->size_bytes));
    declare.gauge("notch_agent_directory_available_bytes",
                  "What of it is free for programs that make segments.",
                  static_cast<double>(space->available_bytes));
  }
  declare.gauge("notch_agent_directory_entries",
                "Entries in the directory of segments, whoever made them; 65536: or more.",
                static_cast<double>(state.census.entries));
  declare.gauge("notch_agent_directory_largest_user_entries",
                "Entries of the user who has most of them, by estimate.",
                static_cast<double>(state.census.most_entries));
}

void declare_reasons(const CollectStats& stats, Declarations& declare) {
  MetricFamily& rejected =
      declare.family("notch_agent_rejected_segments_total",
                     "Files not taken for segments, by reason.", MetricType::Counter);
  for (const auto& [reason, count] : stats.rejected) {
    Declarations::point(rejected, {{"reason", std::string(reason)}}, static_cast<double>(count));
  }
  MetricFamily& removed = declare.family(
      "notch_agent_removed_segments_total",
      "Of those files the ones that were removed as no process uses them, by reason.",
      MetricType::Counter);
  for (const auto& [reason, count] : stats.removed) {
    Declarations::point(removed, {{"reason", std::string(reason)}}, static_cast<double>(count));
  }
  MetricFamily& conflicts = declare.family(
      "notch_agent_conflicts_total",
      "Families and series left out, or merged under other words (help, unit), by reason.",
      MetricType::Counter);
  for (std::size_t i = 1; i < stats.conflicts.size(); ++i) {
    if (stats.conflicts[i] == 0) continue;
    Declarations::point(conflicts, {{"reason", conflict_name(static_cast<Conflict>(i))}},
                        static_cast<double>(stats.conflicts[i]));
  }
  MetricFamily& drops = declare.family(
      "notch_agent_client_dropped_total",
      "Numbers and series that programs could not count, by reason.", MetricType::Counter);
  for (std::size_t i = 0; i < stats.drops.size(); ++i) {
    if (stats.drops[i] == 0) continue;
    Declarations::point(drops, {{"reason", drop_reason_name(static_cast<shm::DropReason>(i))}},
                        static_cast<double>(stats.drops[i]));
  }
  MetricFamily& renamed = declare.family(
      "notch_agent_renamed_services_total",
      "Segments shown under another service name than they asked for, and (displaced) services "
      "that got another name, by reason.",
      MetricType::Counter);
  for (std::size_t i = 1; i < stats.renamed_services.size(); ++i) {
    if (stats.renamed_services[i] == 0) continue;
    Declarations::point(renamed, {{"reason", name_change_name(static_cast<NameChange>(i))}},
                        static_cast<double>(stats.renamed_services[i]));
  }
  declare.counter("notch_agent_not_finite_total", "Readings left out for being NaN or infinite.",
                  stats.not_finite);
  declare.counter("notch_agent_held_back_total",
                  "Sums that would have gone backwards and were held.", stats.resets);
}

void declare_ends(const CollectStats& stats, Declarations& declare) {
  MetricFamily& ends =
      declare.family("notch_agent_process_ends_total",
                     "Processes that ended, by service and kind: closed (in order), exec, or "
                     "killed (a signal, _exit, a crash).",
                     MetricType::Counter);
  for (const auto& [service, counts] : stats.ends) {
    const std::array<std::pair<const char*, std::uint64_t>, 3> kinds = {
        {{"closed", counts.closed}, {"exec", counts.exec}, {"killed", counts.killed}}};
    for (const auto& [kind, count] : kinds) {
      if (count == 0) continue;
      Declarations::point(ends, {{"service", service}, {"kind", kind}}, static_cast<double>(count));
    }
  }
  declare.counter("notch_agent_folds_total", "Dead segments folded into the ledger.", stats.folds);
  declare.counter("notch_agent_fold_failures_total", "Writes to the ledger that failed.",
                  stats.fold_failures);
  declare.counter("notch_agent_ledger_replacements_total",
                  "Times the ledger's file was removed or replaced, and written anew.",
                  stats.ledger_replacements);
  declare.counter("notch_agent_ledger_broken_frames_total",
                  "Frames of the ledger left out, wholly or in part, when the agent started.",
                  stats.broken_frames);
  declare.counter("notch_agent_overflowed_rows_total",
                  "Rows of dead processes folded into their family's overflow row.",
                  stats.overflowed_rows);
  declare.counter("notch_agent_retired_rows_total", "Rows dropped at the end of their retention.",
                  stats.retired_rows);
}

void declare_host(const std::map<std::string, std::uint64_t>& errors, const HostDrops& drops,
                  Declarations& declare) {
  MetricFamily& family =
      declare.family("notch_agent_host_collector_errors_total",
                     "Failures of the host's collectors, by collector.", MetricType::Counter);
  for (const auto& [collector, count] : errors) {
    Declarations::point(family, {{"collector", collector}}, static_cast<double>(count));
  }
  MetricFamily& dropped = declare.family(
      "notch_agent_host_dropped_total",
      "Things left out of the host's figures, by collector and reason, over all scrapes.",
      MetricType::Counter);
  for (const auto& [key, count] : drops.counts()) {
    const auto& [collector, reason] = key;
    Declarations::point(dropped, {{"collector", collector}, {"reason", host_drop_name(reason)}},
                        static_cast<double>(count));
  }
}

void declare_processes(const OutcomeCounts& counts, const std::map<std::string, double>& coverage,
                       Declarations& declare) {
  MetricFamily& ratio = declare.family(
      "notch_agent_preload_coverage_ratio",
      "Bytes that passed the preloaded library's wrappers, of the bytes the kernel counted for the "
      "same processes' reads and writes.",
      MetricType::Gauge);
  for (const auto& [service, value] : coverage) {
    Declarations::point(ratio, {{"service", service}}, value);
  }
  MetricFamily& samples = declare.family(
      "notch_agent_process_samples_total",
      "Looks at an attached process's figures in /proc, by outcome.", MetricType::Counter);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    Declarations::point(samples,
                        {{"outcome", process_outcome_name(static_cast<ProcessOutcome>(i))}},
                        static_cast<double>(counts[i]));
  }
}

// Points by reason; what never happened has none.
void declare_by_reason(const char* name, const char* help,
                       std::initializer_list<std::pair<const char*, std::uint64_t>> counts,
                       Declarations& declare) {
  MetricFamily& family = declare.family(name, help, MetricType::Counter);
  for (const auto& [reason, count] : counts) {
    if (count == 0) continue;
    Declarations::point(family, {{"reason", reason}}, static_cast<double>(count));
  }
}

void declare_http_limits(const HttpStats& stats, Declarations& declare) {
  declare_by_reason("notch_agent_http_rejected_requests_total",
                    "Requests answered 503, by what there was no room in.",
                    {{"requests", stats.rejected_by_requests},
                     {"passwords", stats.rejected_by_passwords},
                     {"page_memory", stats.rejected_by_memory}},
                    declare);
  declare_by_reason("notch_agent_http_cut_connections_total",
                    "Connections cut for being read too slowly, or to make room for another's "
                    "connection, request or page.",
                    {{"slow_reader", stats.cut_slow_readers},
                     {"connections", stats.cut_for_connections},
                     {"requests", stats.cut_for_requests},
                     {"page_memory", stats.cut_for_memory}},
                    declare);
  declare.counter("notch_agent_http_refused_connections_total",
                  "Connections closed at once, as all others were being answered.",
                  stats.connections_refused);
}

void declare_http(const HttpStats& stats, Declarations& declare) {
  MetricFamily& requests = declare.family("notch_agent_http_requests_total",
                                          "Requests answered, by code.", MetricType::Counter);
  for (const auto& [code, count] : stats.responses) {
    Declarations::point(requests, {{"code", std::to_string(code)}}, static_cast<double>(count));
  }
  declare.gauge("notch_agent_http_requests_in_flight", "Requests being answered.",
                static_cast<double>(stats.requests_in_flight));
  declare.gauge("notch_agent_http_connections", "Open connections.",
                static_cast<double>(stats.connections_open));
  declare.counter("notch_agent_http_sent_bytes_total", "Bytes sent in responses.",
                  stats.bytes_sent);
  declare_http_limits(stats, declare);
  MetricFamily& timeouts =
      declare.family("notch_agent_http_timeouts_total", "Connections cut at a deadline, by step.",
                     MetricType::Counter);
  Declarations::point(timeouts, {{"step", "header"}}, static_cast<double>(stats.header_timeouts));
  Declarations::point(timeouts, {{"step", "write"}}, static_cast<double>(stats.write_timeouts));
  declare.counter("notch_agent_http_tls_failures_total", "TLS handshakes that failed.",
                  stats.tls_failures);
  declare.counter("notch_agent_http_unauthorized_total", "Requests without a good password.",
                  stats.unauthorized);
  MetricFamily& reloads =
      declare.family("notch_agent_web_config_reloads_total",
                     "Re-reads of the web configuration, by outcome.", MetricType::Counter);
  Declarations::point(reloads, {{"outcome", "taken"}}, static_cast<double>(stats.config_reloads));
  Declarations::point(reloads, {{"outcome", "refused"}},
                      static_cast<double>(stats.config_reload_failures));
}

void declare_exposition(const ExpositionStats& stats, Declarations& declare) {
  MetricFamily& dropped = declare.family(
      "notch_agent_dropped_families_total",
      "Families left out of a page because another has their name, by reason, over all scrapes.",
      MetricType::Counter);
  for (const auto& [reason, count] : stats.dropped_families) {
    Declarations::point(dropped, {{"reason", reason}}, static_cast<double>(count));
  }
  declare.counter("notch_agent_dropped_rows_total", "Rows no format may carry, over all scrapes.",
                  stats.dropped_rows);
  declare.counter("notch_agent_dropped_exemplars_total",
                  "Exemplars outside their bucket, over all scrapes.", stats.dropped_exemplars);
  declare.gauge("notch_agent_http_held_page_bytes", "Memory of the pages that are being sent.",
                static_cast<double>(stats.held_page_bytes));
  declare.counter("notch_agent_shared_scrapes_total",
                  "Scrapes answered with the page of one they overlapped.", stats.shared_scrapes);
}

void declare_histogram(const char* name, const char* help, const prometheus::Histogram& histogram,
                       Declarations& declare) {
  declare.family(name, help, MetricType::Histogram).metric.push_back(histogram.Collect());
}

}  // namespace

const char* drop_reason_name(shm::DropReason reason) noexcept {
  switch (reason) {
    case shm::DropReason::kNullHandle:
      return "null_handle";
    case shm::DropReason::kCardinality:
      return "cardinality";
    case shm::DropReason::kNoCells:
      return "no_cells";
    case shm::DropReason::kCatalogueFull:
      return "catalogue_full";
    case shm::DropReason::kNotFinite:
      return "not_finite";
    case shm::DropReason::kNegative:
      return "negative";
    case shm::DropReason::kLabelTooLong:
      return "label_too_long";
    case shm::DropReason::kWrongLabelCount:
      return "wrong_label_count";
    case shm::DropReason::kInvalidDefinition:
      return "invalid_definition";
    case shm::DropReason::kConflict:
      return "conflict";
    case shm::DropReason::kReentered:
      return "reentered";
    case shm::DropReason::kExemplarBusy:
      return "exemplar_busy";
    case shm::DropReason::kInheritedGauge:
      return "inherited_gauge";
  }
  return "unknown";
}

AgentMetrics::AgentMetrics(Sources sources)
    : sources_(std::move(sources)),
      scrape_duration_(kDurationBounds_s),
      collect_duration_(kDurationBounds_s) {}

std::vector<MetricFamily> AgentMetrics::Collect() const {
  Declarations declare;
  Declarations::point(
      declare.family("notch_agent_build_info", "The agent's version.", MetricType::Gauge),
      {{"version", NOTCH_AGENT_VERSION}, {"compiler", __VERSION__}}, 1);
  const CollectStats collected = sources_.collect();
  declare_segments(collected, declare);
  declare.counter("notch_agent_loop_failures_total",
                  "Sweeps and looks at the directory that ended early, for want of memory mostly.",
                  sources_.loop_failures());
  declare_directory(sources_.directory(), declare);
  declare_reasons(collected, declare);
  declare_ends(collected, declare);
  declare_processes(sources_.process_samples(), sources_.preload_coverage(), declare);
  declare_host(sources_.host_errors(), sources_.host_drops(), declare);
  declare_http(sources_.http(), declare);
  declare_exposition(sources_.exposition(), declare);
  declare_histogram("notch_agent_scrape_duration_seconds",
                    "Time to gather and write one page, without sending it.", scrape_duration_,
                    declare);
  declare_histogram("notch_agent_collect_duration_seconds", "Time to read and add up all segments.",
                    collect_duration_, declare);
  std::vector<MetricFamily> families = declare.take();
  for (MetricFamily& family : own_process_families()) families.push_back(std::move(family));
  return families;
}

}  // namespace notch::agent
