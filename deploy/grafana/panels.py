"""Every panel of the dashboards, stated once: what it asks, in which unit, and what it means.
Called by: dashboards.py.

In a query, %O stands for the chosen instances and services, %I for the instances alone, %W for the window of the
dashboard's layer: the guide's five minutes, or what suits the zoom where the view is live.
"""

import collections

Panel = collections.namedtuple("Panel", "kind title unit description queries least most steps columns values link")
Step = collections.namedtuple("Step", "color value")


def panel(kind, title, unit, description, *queries, least=None, most=None, steps=(), columns=None, values=None, link=None):
    """`queries` are (expression, legend); `steps` are thresholds (color, from value);
    `columns` are a table's, {field: heading} in their order; `values` are words for values; `link` names a dashboard."""
    return Panel(kind, title, unit, description, queries, least, most, tuple(Step(*one) for one in steps), columns, values, link)


UP_STEPS = (("red", None), ("green", 1))
ERROR_STEPS = (("green", None), ("yellow", 0.01), ("red", 0.05))
SUCCESS_STEPS = (("red", None), ("yellow", 0.95), ("green", 0.99))
LATENCY_STEPS = (("green", None), ("yellow", 0.1), ("red", 0.5))
CPU_STEPS = (("green", None), ("yellow", 70), ("red", 85))
MEMORY_STEPS = (("green", None), ("yellow", 0.75), ("red", 0.9))
QUEUE_STEPS = (("green", None), ("red", 10000))
NONE_STEPS = (("green", None), ("yellow", 1))
USED_STEPS = (("green", None), ("red", 3.5 * 2**30))  # HighMemoryUsage's

# Why a panel may be empty on a host where nothing is wrong: the first whose pattern is in its queries.
MISSING = (
    (r"\bebpf_", "No kernel probes: the agent runs without them; the dashboard Notch says why"),
    (r"_native_", "No native histograms: a program must make them, and Prometheus scrape them"),
    (r"\b(?:http|libc)_|preload_coverage|_route:", "No program runs under notch run here"),
    (r"otlp_(?!system_)", "No service counts spans here"),
    (r"\bprocess_.*%O", "No process of a service lives here"),
)

OVERVIEW = {
    "spans_created": panel(
        "timeseries", "Span Creation Rate", "ops", "Spans begun, by service and kind.",
        ("sum by (service_name, span_kind) (rate(otlp_spans_created_total{%O}[%W]))", "{{service_name}} - {{span_kind}}"),
        least=0, link="otlp-service"),
    "export_success": panel(
        "timeseries", "Span Export Success Rate", "percentunit", "Spans acknowledged, of all that were acknowledged or given up: each counts once, at its end, however many attempts it took.",
        ('sum by (instance) (rate(otlp_spans_exported_total{%O,status="success"}[%W]))'
         " / sum by (instance) (rate(otlp_spans_exported_total{%O}[%W]))", "{{instance}}"),
        least=0, most=1, steps=SUCCESS_STEPS, link="otlp-service"),
    "export_latency": panel(
        "timeseries", "Export Latency (P50, P95, P99)", "s", "Time of one attempt to export a batch, failed ones too.",
        *((f"histogram_quantile({q}, sum by (le) (rate(otlp_exporter_latency_seconds_bucket{{%O}}[%W])))", name)
          for q, name in (("0.50", "P50"), ("0.95", "P95"), ("0.99", "P99"))),
        least=0, steps=LATENCY_STEPS, link="otlp-component"),
    "queue_size": panel(
        "timeseries", "Queue Size", "short", "Spans that wait for the exporter, over all processes.",
        ("otlp_exporter_queue_size{%O}", "{{instance}} {{service}} {{exporter}}"), least=0, steps=QUEUE_STEPS, link="otlp-component"),
    "cpu_usage": panel(
        "timeseries", "CPU Usage", "percent", "Of all processors' time on the host, the part that was used.",
        ("otlp_system_cpu_usage_percent{%I}", "{{instance}}"), least=0, most=100, steps=CPU_STEPS, link="otlp-component"),
    "memory_usage": panel(
        "timeseries", "Memory Usage", "bytes", "Memory of the host that is in use. Threshold: 3.5 GiB, for a host of 4; set it to yours.",
        ("otlp_system_memory_usage_bytes{%I}", "{{instance}}"), least=0, steps=USED_STEPS, link="otlp-component"),
    "errors_by_type": panel(
        "piechart", "Error Rate by Type", "ops", "Spans of failed attempts, each time they are sent, and those never tried, by what went wrong.",
        ("sum by (error_type) (rate(otlp_spans_export_errors_total{%O}[%W]))", "{{error_type}}"), link="otlp-service"),
    "batch_sizes": panel(
        "heatmap", "Batch Size Distribution", "short", "Batches a second, by how many spans are in one.",
        ("sum by (le) (rate(otlp_exporter_batch_size_bucket{%O}[%W]))", "{{le}}")),
}



def failed_attempts(query):
    return panel("stat", "Spans in Failed Attempts", "percentunit",
                 "Spans of attempts to export that failed, over spans finished with: one that is sent again counts each time, so that this may be "
                 "high while all spans arrive in the end (Span Export Success Rate). Thresholds: 1 % and 5 %.",
                 (query, "{{instance}} {{service}}"), least=0, steps=ERROR_STEPS, link="otlp-service")


def slowest_attempts(query):
    return panel("stat", "Export Latency P95", "s", "Thresholds: 100 ms and 500 ms.", (query, "{{instance}} {{service}}"),
                 least=0, steps=LATENCY_STEPS, link="otlp-component")


HEALTH = {
    "service_up": panel("stat", "Service Seen", "short", "1 while Prometheus reaches the agent that shows the service.",
                        ("min by (instance) (up{%I})", "{{instance}}"), steps=UP_STEPS, values={0: "not seen", 1: "seen"}, link="notch-agent"),
    "alerts_firing": panel("stat", "Alerts Firing", "short", "Alerts of the chosen instances that fire now, of any severity.",
                           ('count(ALERTS{alertstate="firing",%I}) or vector(0)', "alerts"), least=0, steps=NONE_STEPS),
    "error_ratio": failed_attempts("instance_service:otlp_spans_export_errors:ratio_rate5m{%O}"),
    "latency_p95": slowest_attempts("instance_service:otlp_exporter_latency_seconds:p95_rate5m{%O}"),
    # The live layer's: what is recorded is of five minutes.
    "error_ratio_live": failed_attempts("sum by (instance, service) (rate(otlp_spans_export_errors_total{%O}[%W]))"
                                        " / sum by (instance, service) (rate(otlp_spans_exported_total{%O}[%W]))"),
    "latency_p95_live": slowest_attempts(
        "histogram_quantile(0.95, sum by (instance, service, le) (rate(otlp_exporter_latency_seconds_bucket{%O}[%W])))"),
    "cpu_now": panel("stat", "CPU", "percent", "Thresholds: 70 % and 85 %.",
                     ("otlp_system_cpu_usage_percent{%I}", "{{instance}}"), least=0, most=100, steps=CPU_STEPS, link="otlp-component"),
    "threads_now": panel("stat", "Threads", "short", "Of the service's living processes.",
                           ("sum by (service) (process_thread_count{%O})", "{{service}}"), least=0, link="otlp-service"),
    "alert_list": panel("table", "Alerts", "short", "Alerts of the chosen instances that are pending or fire.",
                        ('ALERTS{%I} or on () label_replace(vector(0), "alertname", "none", "", "")', ""),
                        columns={"alertname": "Alert", "alertstate": "State", "severity": "Severity", "service": "Service",
                                 "instance": "Instance", "component": "Component"}),
}

SERVICE = {
    "span_duration": panel(
        "timeseries", "Span Duration P95 by Kind", "s", "From a span's begin to its end.",
        ("histogram_quantile(0.95, sum by (le, service_name, span_kind) (rate(otlp_spans_duration_seconds_bucket{%O}[%W])))",
         "{{service_name}} - {{span_kind}}"), least=0),
    "exported_by_exporter": panel(
        "timeseries", "Spans Exported by Exporter", "ops", "What the service hands to each of the systems it depends on, and how that ended.",
        ("sum by (exporter, status) (rate(otlp_spans_exported_total{%O}[%W]))", "{{exporter}} {{status}}"), least=0),
    "latency_by_protocol": panel(
        "timeseries", "Export Latency P95 by Dependency", "s", "By exporter and protocol.",
        ("histogram_quantile(0.95, sum by (le, exporter, protocol) (rate(otlp_exporter_latency_seconds_bucket{%O}[%W])))",
         "{{exporter}} over {{protocol}}"), least=0, steps=LATENCY_STEPS),
    "errors_by_exporter": panel(
        "timeseries", "Export Errors by Dependency", "ops", "By exporter and what went wrong.",
        ("sum by (exporter, error_type) (rate(otlp_spans_export_errors_total{%O}[%W]))", "{{exporter}} {{error_type}}"), least=0),
    "process_cpu": panel(
        "timeseries", "CPU of the Service", "short", "Processors kept busy by all processes of the service.",
        ("sum by (service, cpu_mode) (rate(process_cpu_time_seconds_total{%O}[%W]))", "{{service}} {{cpu_mode}}"), least=0),
    "process_memory": panel(
        "timeseries", "Memory of the Service", "bytes", "Resident memory of the living processes.",
        ("sum by (service) (process_memory_usage_bytes{%O})", "{{service}}"), least=0),
    "process_descriptors": panel(
        "timeseries", "Open Descriptors and Threads", "short", "Of the living processes.",
        ("sum by (service) (process_unix_file_descriptor_count{%O})", "{{service}} descriptors"),
        ("sum by (service) (process_thread_count{%O})", "{{service}} threads"), least=0),
    "process_io": panel(
        "timeseries", "I/O of the Service", "Bps", "By system calls of whatever kind.",
        ("sum by (service, io_direction) (rate(process_io_bytes_total{%O}[%W]))", "{{service}} {{io_direction}}"), least=0),
    "process_switches": panel(
        "timeseries", "Context Switches", "ops", "Involuntary ones tell of a processor that is fought over.",
        ("sum by (service, process_context_switch_type) (rate(process_context_switches_total{%O}[%W]))",
         "{{service}} {{process_context_switch_type}}"), least=0),
    "process_ends": panel(
        "timeseries", "Processes Ended", "short", "In five minutes, by how, to the nearest whole. killed is also what _exit looks like from outside.",
        ("round(sum by (service, kind) (increase(notch_agent_process_ends_total{%O}[5m])))", "{{service}} {{kind}}"), least=0),
}

COMPONENT = {
    "native_latency": panel(
        "heatmap", "Export Latency (native histogram)", "s", "Attempts a second, in exponential buckets: needs native histograms in Prometheus.",
        ("sum(rate(otlp_exporter_latency_native_seconds{%O}[%W]))", "latency")),
    "native_quantiles": panel(
        "timeseries", "Export Latency Quantiles (native histogram)", "s", "Within 4 % of the true value, whatever it is.",
        *((f"histogram_quantile({q}, sum(rate(otlp_exporter_latency_native_seconds{{%O}}[%W])))", name)
          for q, name in (("0.50", "P50"), ("0.95", "P95"), ("0.99", "P99"))), least=0),
    "latency_buckets": panel(
        "heatmap", "Export Latency (classic buckets)", "s", "Attempts a second, by how long they took.",
        ("sum by (le) (rate(otlp_exporter_latency_seconds_bucket{%O}[%W]))", "{{le}}")),
    "duration_buckets": panel(
        "heatmap", "Span Duration", "s", "Spans a second, by how long they lasted.",
        ("sum by (le) (rate(otlp_spans_duration_seconds_bucket{%O}[%W]))", "{{le}}")),
    "batch_mean": panel(
        "timeseries", "Mean Batch Size", "short", "Spans in a batch. Small batches under load mean that patience runs out before they are full.",
        ("sum(rate(otlp_exporter_batch_size_sum{%O}[%W])) / sum(rate(otlp_exporter_batch_size_count{%O}[%W]))", "spans"), least=0),
    "attempts_per_batch": panel(
        "timeseries", "Attempts per Batch", "short", "1 when no batch has to be sent twice.",
        ("sum(rate(otlp_exporter_latency_seconds_count{%O}[%W])) / sum(rate(otlp_exporter_batch_size_count{%O}[%W]))", "attempts"), least=0),
    "queue_growth": panel(
        "timeseries", "Created and Finished", "ops", "Created above finished means that the queue grows.",
        ("sum(rate(otlp_spans_created_total{%O}[%W]))", "created"),
        ("sum(rate(otlp_spans_exported_total{%O}[%W]))", "finished"), least=0),
}

KERNEL = {
    "runqueue": panel(
        "timeseries", "Run-Queue Latency P99", "s", "How long threads that could run waited for a processor; (unattached) are programs that publish nothing. Needs the agent's kernel probes, and native histograms.",
        ("histogram_quantile(0.99, sum by (service) (rate(ebpf_runqueue_latency_seconds{%I}[%W])))", "{{service}}"), least=0),
    "runqueue_buckets": panel(
        "heatmap", "Run-Queue Latency", "s", "Waits a second, by how long they took; of the whole host.",
        ("sum(rate(ebpf_runqueue_latency_seconds{%I}[%W]))", "waits")),
    "block_io": panel(
        "timeseries", "Disk Latency P99", "s", "From a request's issue to its completion, by device and operation. Needs the agent's kernel probes, and native histograms.",
        ("histogram_quantile(0.99, sum by (device, operation) (rate(ebpf_block_io_duration_seconds{%I}[%W])))",
         "{{device}} {{operation}}"), least=0),
    "cpu_wait": panel(
        "timeseries", "Waiting for a Processor", "short", "Processors' worth of threads of each service that could run and did not; (unattached) are programs that publish nothing.",
        ("sum by (service) (rate(ebpf_cpu_wait_seconds_total{%I}[%W]))", "{{service}}"), least=0),
    "host_cpu": panel(
        "timeseries", "Processors by Mode", "percentunit", "Of all processors' time.",
        ("sum by (mode) (rate(node_cpu_seconds_total{%I}[%W])) / scalar(sum(rate(node_cpu_seconds_total{%I}[%W])))", "{{mode}}"), least=0, most=1),
    "host_memory": panel(
        "timeseries", "Memory in Use", "percentunit", "Of the host's memory. Thresholds: 75 % and 90 %.",
        ("instance:otlp_system_memory_usage:ratio{%I}", "{{instance}}"), least=0, most=1, steps=MEMORY_STEPS),
}

HTTP = {
    "http_rate": panel(
        "timeseries", "Requests", "reqps", "Finished requests of the server's side, by route.",
        ("sum by (service, http_route) (rate(http_server_request_duration_seconds_count{%O}[%W]))", "{{service}} {{http_route}}"), least=0),
    "http_errors": panel(
        "timeseries", "Errors", "percentunit", "Answers of 500 and above, of all; by route.",
        ("instance_service_route:http_server_errors:ratio_rate5m{%O}", "{{instance}} {{service}} {{http_route}}"), least=0, most=1, steps=ERROR_STEPS),
    "http_duration": panel(
        "timeseries", "Duration (P50, P95, P99)", "s", "From the first byte of the request that was read to the last byte of the answer. Time in the accept queue and the socket's buffer is not in it: under overload that is most of the time.",
        *((f"histogram_quantile({q}, sum by (le) (rate(http_server_request_duration_seconds_bucket{{%O}}[%W])))", name)
          for q, name in (("0.50", "P50"), ("0.95", "P95"), ("0.99", "P99"))), least=0),
    "http_by_route": panel(
        "timeseries", "Duration P95 by Route", "s", "Of the server's side, from the first byte read: time in the accept queue is not in it.",
        ("instance_service_route:http_server_request_duration_seconds:p95_rate5m{%O}", "{{instance}} {{service}} {{http_route}}"), least=0),
    "http_status": panel(
        "timeseries", "Requests by Status", "reqps", "Of the server's side, all routes.",
        ("sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{%O}[%W]))", "{{http_response_status_code}}"), least=0),
    "http_buckets": panel(
        "heatmap", "Duration Distribution", "s", "Requests a second, by how long they took.",
        ("sum by (le) (rate(http_server_request_duration_seconds_bucket{%O}[%W]))", "{{le}}")),
    "http_active": panel(
        "timeseries", "Requests in Flight", "short", "Begun and not yet answered.",
        ("sum by (service) (http_server_active_requests{%O})", "{{service}}"), least=0),
    "http_sizes": panel(
        "timeseries", "Body Sizes (mean)", "bytes", "Of finished exchanges, without their heads.",
        ("sum by (service) (rate(http_server_request_body_size_bytes_sum{%O}[%W])) / sum by (service) (rate(http_server_request_body_size_bytes_count{%O}[%W]))", "{{service}} requests"),
        ("sum by (service) (rate(http_server_response_body_size_bytes_sum{%O}[%W])) / sum by (service) (rate(http_server_response_body_size_bytes_count{%O}[%W]))", "{{service}} answers"), least=0),
    "http_client": panel(
        "timeseries", "Requests Made, by Server", "reqps", "Of the client's side: what programs ask of others, wherever these are.",
        ("sum by (service, server_address, server_port) (rate(http_client_request_duration_seconds_count{%I}[%W]))",
         "{{service}} to {{server_address}}:{{server_port}}"), least=0),
    "net_bytes": panel(
        "timeseries", "Socket Traffic", "Bps", "What passed through libc's send and receive calls.",
        ("sum by (service, operation) (rate(libc_net_bytes_total{%O}[%W]))", "{{service}} {{operation}}"), least=0),
}

NOTCH = {
    "agent_up": panel("stat", "Agent", "short", "1 while Prometheus reaches it.", ('up{job="notch",%I}', "{{instance}}"), steps=UP_STEPS,
                      values={0: "does not answer", 1: "answers"}),
    "agent_build": panel("table", "Version", "short", "Of each agent.", ("notch_agent_build_info{%I}", ""),
                         columns={"instance": "Instance", "version": "Version", "compiler": "Compiler"}),
    "agent_segments": panel("timeseries", "Segments", "short", "Files of living and dead processes that the agent knows, by state.",
                            ("notch_agent_segments{%I}", "{{instance}} {{state}}"), least=0),
    "agent_series": panel("timeseries", "Series and Rows", "short", "Series of all segments, rows of the page, rows of the dead.",
                          ("notch_agent_series{%I}", "{{instance}} series"), ("notch_agent_rows{%I}", "{{instance}} rows"),
                          ("notch_agent_ledger_rows{%I}", "{{instance}} rows of the dead"), least=0),
    "agent_memory": panel("timeseries", "Memory of Segments and Ledger", "bytes", "What tmpfs gives for them.",
                          ("notch_agent_segment_memory_bytes{%I}", "{{instance}} segments"), ("notch_agent_ledger_bytes{%I}", "{{instance}} ledger"), least=0),
    "agent_space": panel("timeseries", "Room in the Directory", "percentunit", "Free part of the segments' file system. Below 10 % only users who have little there make new segments.",
                         ("notch_agent_directory_available_bytes{%I} / notch_agent_directory_size_bytes{%I}", "{{instance}}"),
                         least=0, most=1, steps=(("red", None), ("yellow", 0.15), ("green", 0.3))),
    "agent_left_out": panel("timeseries", "Left Out", "short", "What could not be counted or shown, in ten minutes, by cause and reason, to the nearest whole.",
                            ("round(instance_cause_reason:notch_agent_left_out:new10m{%I}) or label_replace(0 * up{job=\"notch\",%I}, \"cause\", \"nothing\", \"\", \"\")", "{{instance}} {{cause}} {{reason}}"),
                            least=0, steps=NONE_STEPS),
    "agent_ends": panel("timeseries", "Processes Ended", "short", "In five minutes, of all services, to the nearest whole.",
                        ("round(sum by (service, kind) (increase(notch_agent_process_ends_total{%I}[5m])))", "{{service}} {{kind}}"), least=0),
    "agent_ledger": panel("timeseries", "Ledger", "ops", "Dead segments folded, writes that failed, frames found broken.",
                          ("rate(notch_agent_folds_total{%I}[%W])", "{{instance}} folds"),
                          ("rate(notch_agent_fold_failures_total{%I}[%W])", "{{instance}} failures"),
                          ("rate(notch_agent_ledger_broken_frames_total{%I}[%W])", "{{instance}} broken frames"), least=0),
    "agent_scrape": panel("timeseries", "Time of a Scrape (P95)", "s", "Collecting is part of it.",
                          ("histogram_quantile(0.95, sum by (instance, le) (rate(notch_agent_scrape_duration_seconds_bucket{%I}[%W])))", "{{instance}} scrape"),
                          ("histogram_quantile(0.95, sum by (instance, le) (rate(notch_agent_collect_duration_seconds_bucket{%I}[%W])))", "{{instance}} collect"), least=0),
    "agent_http": panel("timeseries", "Requests", "reqps", "By status.",
                        ("sum by (instance, code) (rate(notch_agent_http_requests_total{%I}[%W]))", "{{instance}} {{code}}"), least=0),
    "agent_sent": panel("timeseries", "Bytes Served", "Bps", "What the agent's answers weigh, compressed as they are sent.",
                        ("rate(notch_agent_http_sent_bytes_total{%I}[%W])", "{{instance}}"), least=0),
    "agent_coverage": panel("timeseries", "Preload Coverage", "percentunit", "Of the bytes the kernel counted for programs under the preloaded library, the part its wrappers saw.",
                            ("notch_agent_preload_coverage_ratio{%I}", "{{instance}} {{service}}"), least=0, most=1),
    "agent_probes": panel("table", "Kernel Probes", "short", "Which are attached, and why the others are not.",
                          ("notch_ebpf_probe_up{%I} == 1 or 0 * notch_ebpf_probe_refused_info{%I}", ""),
                          columns={"instance": "Instance", "probe": "Probe", "Value": "State", "reason": "Why not"},
                          values={0: "not attached", 1: "attached"}),
    "agent_cpu": panel("timeseries", "The Agent's Own CPU", "percentunit", "Of one processor.",
                       ('rate(process_cpu_seconds_total{job="notch",%I}[%W])', "{{instance}}"), least=0),
    "agent_resident": panel("timeseries", "The Agent's Own Memory", "bytes", "Resident.",
                            ('process_resident_memory_bytes{job="notch",%I}', "{{instance}}"), least=0),
    "agent_samples": panel("timeseries", "Samples Stored a Scrape", "short", "After relabelling, by job.",
                           ("scrape_samples_post_metric_relabeling{%I}", "{{job}} {{instance}}"), least=0),
}

ALL = {**OVERVIEW, **HEALTH, **SERVICE, **COMPONENT, **KERNEL, **HTTP, **NOTCH}
