"""The dashboards: which panels, how large, over which window, and how one leads to the others.
Called by: build-dashboards, tests/deploy.

Invariants
  D1  A panel's id is its place in its dashboard, so that a rebuilt file differs only where its source does.
  D2  The grid has 24 columns; panels fill a row from the left and none overlap.
"""

import collections
import re

import panels

GRID_COLUMNS = 24
SCHEMA_VERSION = 41  # Grafana 11.6's

Dashboard = collections.namedtuple("Dashboard", "uid title description tags refresh since window service_of rows")
Row = collections.namedtuple("Row", "title width height panels")

DASHBOARDS = (
    Dashboard("otlp-overview", "OTLP Service Overview", "First layer: is the service well?", ("otlp", "observability"),
              "30s", "now-1h", "5m", "otlp_spans_created_total", (
                  Row("Health", 4, 4, ("service_up", "alerts_firing", "error_ratio", "latency_p95", "cpu_now", "threads_now")),
                  Row("Trends", 12, 8, tuple(panels.OVERVIEW)),
                  Row("Alerts", 24, 8, ("alert_list",)))),
    Dashboard("otlp-service", "OTLP Service", "Second layer: one service, what it depends on, what it uses.",
              ("otlp", "observability"), "30s", "now-1h", "5m", "otlp_spans_created_total", (
                  Row("Spans", 12, 8, ("spans_created", "span_duration")),
                  Row("Dependencies", 12, 8, ("exported_by_exporter", "export_success", "latency_by_protocol", "errors_by_exporter")),
                  Row("Resources", 12, 8, ("process_cpu", "process_memory", "process_io", "process_descriptors", "process_switches", "process_ends")))),
    Dashboard("otlp-component", "OTLP Components", "Third layer: where time goes, and what is the bottleneck.",
              ("otlp", "observability"), "30s", "now-1h", "5m", "otlp_spans_created_total", (
                  Row("Latency", 12, 9, ("native_latency", "native_quantiles", "latency_buckets", "duration_buckets")),
                  Row("Exporter", 12, 8, ("batch_sizes", "batch_mean", "attempts_per_batch", "queue_growth", "queue_size")),
                  Row("Host", 12, 8, ("runqueue", "runqueue_buckets", "block_io", "cpu_wait", "host_cpu", "host_memory")))),
    Dashboard("otlp-realtime", "OTLP Real Time", "Fourth layer: the last minutes as they go by.", ("otlp", "observability"),
              "5s", "now-5m", "$__rate_interval", "otlp_spans_created_total", (
                  Row("Now", 4, 4, ("service_up", "alerts_firing", "error_ratio_live", "latency_p95_live", "cpu_now", "threads_now")),
                  Row("The last minutes", 12, 8, ("spans_created", "export_success", "export_latency", "queue_size", "errors_by_exporter", "cpu_usage")))),
    Dashboard("http-red", "HTTP: Rate, Errors, Duration", "Unmodified programs, under the preloaded library.",
              ("http", "observability"), "30s", "now-1h", "5m", "http_server_request_duration_seconds_count", (
                  Row("Rate, errors, duration", 8, 8, ("http_rate", "http_errors", "http_duration")),
                  Row("Detail", 12, 8, ("http_by_route", "http_status", "http_buckets", "http_active", "http_sizes")),
                  Row("Beyond", 12, 8, ("http_client", "net_bytes")))),
    Dashboard("notch-agent", "Notch", "The agent itself.", ("notch", "observability"), "30s", "now-1h", "5m", None, (
        Row("Now", 12, 4, ("agent_up", "agent_build")),
        Row("What it knows", 12, 8, ("agent_segments", "agent_series", "agent_memory", "agent_space", "agent_left_out",
                                     "agent_ends", "agent_ledger", "agent_coverage")),
        Row("What it costs", 12, 8, ("agent_scrape", "agent_http", "agent_sent", "agent_samples", "agent_cpu", "agent_resident", "agent_probes")))),
)

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def expression(query, window):
    """A query with its selectors and window spelled out, its variables still in it."""
    return (query.replace("%O", 'instance=~"$instance",service=~"$service"')
            .replace("%I", 'instance=~"$instance"').replace("%W", window))


def targets(panel, window):
    made = []
    for number, (query, legend) in enumerate(panel.queries):
        target = {"refId": chr(ord("A") + number), "datasource": DATA_SOURCE, "editorMode": "code",
                  "expr": expression(query, window), "legendFormat": legend or "__auto", "range": True}
        if panel.kind in ("stat", "piechart", "table"):
            target.update(instant=True, range=False)
        if panel.kind == "heatmap":
            target["format"] = "heatmap"
        if panel.kind == "table":
            target["format"] = "table"
        if panel.kind == "timeseries" and "_seconds_bucket" in query:
            target["exemplar"] = True
        made.append(target)
    return made


def options_of(kind, unit):
    """A panel type's own options, those that have no default that suits."""
    reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {
        "timeseries": {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
                       "tooltip": {"mode": "multi", "sort": "desc"}},
        "stat": {"colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                 "textMode": "auto", "wideLayout": True, "showPercentChange": False, "percentChangeColorMode": "standard",
                 "reduceOptions": reduce},
        "piechart": {"pieType": "pie", "displayLabels": ["name", "percent"], "reduceOptions": reduce,
                     "legend": {"displayMode": "list", "placement": "right", "showLegend": True, "calcs": [], "values": ["value"]},
                     "tooltip": {"mode": "single", "sort": "none"}},
        "heatmap": {"calculate": False, "cellGap": 1, "color": {"mode": "scheme", "scheme": "Oranges", "scale": "exponential",
                                                                "exponent": 0.5, "steps": 64, "reverse": False, "fill": "dark-orange"},
                    "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9}, "legend": {"show": True},
                    "rowsFrame": {"layout": "auto"}, "showValue": "never",
                    "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": True},
                    "yAxis": {"axisPlacement": "left", "unit": unit, "reverse": False}},
        "table": {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"},
    }[kind]


def field_config(panel, uid):
    defaults = {"unit": panel.unit, "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
                "thresholds": {"mode": "absolute", "steps": [step._asdict() for step in panel.steps] or [{"color": "green", "value": None}]}}
    if panel.least is not None:
        defaults["min"] = panel.least
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.kind == "timeseries":
        defaults["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False,
                              "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"}}
    queries = " ".join(query for query, _ in panel.queries)
    missing = [words for pattern, words in panels.MISSING if re.search(pattern, queries)]
    if missing:
        defaults["noValue"] = missing[0]
    if panel.values:
        defaults["mappings"] = [{"type": "value", "options": {
            str(value): {"text": words, "color": "green" if value else "red", "index": index}
            for index, (value, words) in enumerate(panel.values.items())}}]
    if panel.link and panel.link != uid:
        defaults["links"] = [{"title": "Look closer", "url": f"/d/{panel.link}?${{__url_time_range}}&${{__all_variables}}"}]
    return {"defaults": defaults, "overrides": []}


def columns_of(columns):
    """A table's fields: those named alone, in their order, under their headings."""
    return [{"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
            {"id": "organize", "options": {"excludeByName": {}, "renameByName": columns,
                                           "indexByName": {name: index for index, name in enumerate(columns)}}}]


def panel_json(name, number, place, dashboard):
    panel = panels.ALL[name]
    made = {"id": number, "type": panel.kind, "title": panel.title, "description": panel.description, "gridPos": place,
            "datasource": DATA_SOURCE, "targets": targets(panel, dashboard.window),
            "fieldConfig": field_config(panel, dashboard.uid), "options": options_of(panel.kind, panel.unit)}
    if panel.columns:
        made["transformations"] = columns_of(panel.columns)
    return made


def laid_out(dashboard):
    """The rows and panels with their places."""
    made, top, number = [], 0, 0
    for row in dashboard.rows:
        number += 1
        made.append({"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [],
                     "gridPos": {"h": 1, "w": GRID_COLUMNS, "x": 0, "y": top}})
        top += 1
        per_line = GRID_COLUMNS // row.width
        for index, name in enumerate(row.panels):
            number += 1
            place = {"h": row.height, "w": row.width, "x": index % per_line * row.width, "y": top + index // per_line * row.height}
            made.append(panel_json(name, number, place, dashboard))
        top += -(-len(row.panels) // per_line) * row.height
    return made


def chosen(name, label, query):
    """A variable whose values Prometheus knows; several may be chosen, and all are at first: the ones listed, not whatever has the label."""
    return {"name": name, "label": label, "type": "query", "datasource": DATA_SOURCE, "definition": query,
            "query": {"query": query, "refId": f"{name}-variable"}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "hide": 0, "skipUrlSync": False, "regex": "", "options": [],
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


def variables(dashboard):
    made = [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
             "multi": False, "includeAll": False, "hide": 0, "skipUrlSync": False, "regex": "", "options": [],
             "current": {"selected": True, "text": "Prometheus", "value": "notch-prometheus"}},
            chosen("instance", "Instance", 'label_values(up{job=~"otlp-service|notch"}, instance)')]
    if dashboard.service_of:
        made.append(chosen("service", "Service", f'label_values({dashboard.service_of}{{instance=~"$instance"}}, service)'))
    return made


def dashboard_json(dashboard):
    """The dashboard itself, as Grafana's file provider takes it."""
    return {
        "uid": dashboard.uid, "title": dashboard.title, "description": dashboard.description, "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser",
        "refresh": dashboard.refresh, "time": {"from": dashboard.since, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "templating": {"list": variables(dashboard)},
        "annotations": {"list": [{"name": "Alerts", "datasource": DATA_SOURCE, "enable": True, "hide": False, "iconColor": "red",
                                  "expr": 'ALERTS{alertstate="firing",instance=~"$instance"}', "titleFormat": "{{alertname}}",
                                  "textFormat": "{{service}} {{instance}}", "step": "30s"}]},
        "links": [{"title": "Layers", "type": "dashboards", "tags": ["observability"], "asDropdown": False, "icon": "dashboard",
                   "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}],
        "panels": laid_out(dashboard)}
