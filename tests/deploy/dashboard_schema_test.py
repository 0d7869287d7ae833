#!/usr/bin/python3
"""The dashboards agree with Grafana's schema, the guide's panels, and each other. Called by: ctest."""

import copy
import glob
import json
import os
import re
import sys
import unittest

import yaml

import grafana_schema

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.realpath(os.path.join(HERE, "..", "..", "deploy", "grafana", "dashboards"))
# The guide's eight panels: title, today's panel type, unit, what its query holds, least and most.
GUIDE = (
    ("Span Creation Rate", "timeseries", "ops", "rate(otlp_spans_created_total", 0, None),
    ("Span Export Success Rate", "timeseries", "percentunit", 'status="success"', 0, 1),
    ("Export Latency (P50, P95, P99)", "timeseries", "s", "otlp_exporter_latency_seconds_bucket", 0, None),
    ("Queue Size", "timeseries", "short", "otlp_exporter_queue_size", 0, None),
    ("CPU Usage", "timeseries", "percent", "otlp_system_cpu_usage_percent", 0, 100),
    ("Memory Usage", "timeseries", "bytes", "otlp_system_memory_usage_bytes", 0, None),
    ("Error Rate by Type", "piechart", "ops", "sum by (error_type) (rate(otlp_spans_export_errors_total", None, None),
    ("Batch Size Distribution", "heatmap", "short", "sum by (le) (rate(otlp_exporter_batch_size_bucket", None, None),
)


def dashboards():
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield json.load(file)


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.all = {dashboard["uid"]: dashboard for dashboard in dashboards()}

    def test_they_keep_to_the_schema(self):
        self.assertEqual([fault for one in self.all.values() for fault in grafana_schema.dashboard_faults(one)], [])

    def test_the_check_finds_what_is_wrong(self):
        def broken(change):
            one = copy.deepcopy(self.all["otlp-overview"])
            change(one, next(panel for panel in one["panels"] if panel["type"] == "timeseries"))
            return list(grafana_schema.dashboard_faults(one))
        for words, change in (("any more", lambda d, p: p.update(type="graph")), ("yaxes", lambda d, p: p.update(yaxes=[])),
                              ("missing", lambda d, p: p["options"].pop("legend")), ("schemaVersion", lambda d, p: d.update(schemaVersion=16)),
                              ("another type", lambda d, p: p["fieldConfig"]["defaults"].update(min="0"))):
            self.assertTrue([fault for fault in broken(change) if words in fault], words)

    def test_the_guides_dashboard_has_its_eight_panels_two_a_row(self):
        overview = self.all["otlp-overview"]
        self.assertEqual((overview["title"], overview["tags"], overview["refresh"]), ("OTLP Service Overview", ["otlp", "observability"], "30s"))
        panels = [panel for panel in overview["panels"] if panel["gridPos"]["w"] == 12]
        self.assertEqual(len(panels), len(GUIDE))
        for panel, (title, kind, unit, query, least, most) in zip(panels, GUIDE):
            defaults = panel["fieldConfig"]["defaults"]
            self.assertEqual((panel["title"], panel["type"], defaults["unit"], defaults.get("min"), defaults.get("max")),
                             (title, kind, unit, least, most))
            self.assertIn(query, panel["targets"][0]["expr"])
            self.assertIn("[5m]" if "rate(" in query else "", panel["targets"][0]["expr"])
            self.assertEqual((panel["gridPos"]["w"], panel["gridPos"]["h"]), (12, 8))

    def test_no_two_panels_overlap_and_none_leaves_the_grid(self):
        for uid, dashboard in self.all.items():
            taken = set()
            for panel in dashboard["panels"]:
                grid = panel["gridPos"]
                cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
                self.assertLessEqual(grid["x"] + grid["w"], 24, uid)
                self.assertFalse(taken & cells, f'{uid}: {panel["title"]}')
                taken |= cells

    def test_every_layer_is_there_and_each_leads_to_the_others(self):
        self.assertLessEqual({"otlp-overview", "otlp-service", "otlp-component", "otlp-realtime", "http-red", "notch-agent"}, set(self.all))
        for uid, dashboard in self.all.items():
            [link] = dashboard["links"]
            self.assertEqual((link["type"], link["keepTime"], link["includeVars"]), ("dashboards", True, True))
            self.assertTrue(set(link["tags"]) <= set(dashboard["tags"]), uid)
            for panel in dashboard["panels"]:
                for deep in panel.get("fieldConfig", {}).get("defaults", {}).get("links", []):
                    self.assertIn(deep["url"].split("?")[0].rsplit("/", 1)[-1], self.all)

    def test_every_panel_says_what_it_shows_and_is_chosen_by_the_variables(self):
        for uid, dashboard in self.all.items():
            names = {variable["name"] for variable in dashboard["templating"]["list"]}
            self.assertLessEqual({"datasource", "instance"}, names)
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    self.assertTrue("$service" not in target["expr"] or "service" in names, f'{uid}: {panel["title"]}')
                    self.assertTrue("$instance" in target["expr"] or "ALERTS" in target["expr"], f'{uid}: {panel["title"]}')
                self.assertTrue(panel["type"] == "row" or panel["description"], f'{uid}: {panel["title"]}')

    def test_a_panel_that_may_be_empty_on_a_sound_host_says_why(self):
        silent = []
        for uid, dashboard in self.all.items():
            for panel in dashboard["panels"]:
                queries = " ".join(target["expr"] for target in panel.get("targets", []))
                if re.search(r"\b(?:ebpf|http|libc)_|_native_|otlp_(?:spans|exporter)_|preload_", queries):
                    if "noValue" not in panel["fieldConfig"]["defaults"]:
                        silent.append(f'{uid}: {panel["title"]}')
        self.assertEqual(silent, [])

    def test_no_panel_leads_to_where_it_is_and_every_table_names_its_columns(self):
        for uid, dashboard in self.all.items():
            for panel in dashboard["panels"]:
                for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", []):
                    self.assertNotIn(f"/d/{uid}?", link["url"], panel["title"])
                if panel["type"] == "table":
                    chosen, organized = panel["transformations"]
                    self.assertEqual(chosen["options"]["include"]["names"], list(organized["options"]["renameByName"]))

    def test_the_live_layer_is_short_and_quick(self):
        live = self.all["otlp-realtime"]
        self.assertEqual((live["refresh"], live["time"]["from"]), ("5s", "now-5m"))
        self.assertEqual([query for panel, query, legend in self.queries("otlp-realtime") if "5m" in query], [])

    def queries(self, *uids):
        """(panel, expression, legend) of these dashboards, or of all."""
        for uid in uids or self.all:
            for panel in self.all[uid]["panels"]:
                for target in panel.get("targets", []):
                    yield panel, target["expr"], target["legendFormat"]

    def test_a_legend_tells_apart_what_its_query_keeps_apart(self):
        missing = []
        for panel, query, legend in self.queries():
            if panel["type"] in ("heatmap", "table"):
                continue
            by = re.search(r"\bby \(([^)]*)\)", query)
            if by:
                kept = set(by[1].split(", ")) - {"le"}
            elif re.match(r"histogram_quantile\(|(sum|count)\(", query):
                kept = set()
            else:  # A series as it is: as many as there are instances, and services.
                kept = {"instance"} | ({"service"} if "$service" in query else set())
            missing += [f'{panel["title"]}: {label}' for label in kept if "{{%s}}" % label not in legend]
        self.assertEqual(missing, [])

    def test_all_is_what_the_lists_hold(self):
        """Not whatever has such a label: node_exporter's series have instances too."""
        for dashboard in self.all.values():
            for variable in dashboard["templating"]["list"]:
                self.assertNotIn("allValue", variable)
            self.assertIn('up{job=~"otlp-service|notch"}', dashboard["templating"]["list"][1]["definition"])
            for annotation in dashboard["annotations"]["list"]:
                self.assertIn('instance=~"$instance"', annotation["expr"])
        for panel, query, _ in self.queries():
            if "ALERTS" in query:
                self.assertRegex(query, r'ALERTS\{[^}]*instance=~"\$instance"', panel["title"])

    def test_a_panel_shows_one_kind_of_figure(self):
        for uid, dashboard in self.all.items():
            for panel in dashboard["panels"]:
                rates = {"rate(" in target["expr"] for target in panel.get("targets", [])}
                self.assertLessEqual(len(rates), 1, f'{uid}: {panel["title"]}: rates and what is no rate on one axis')
        for panel, query, _ in self.queries():
            if "increase(" in query:
                self.assertTrue(query.startswith("round("), f'{panel["title"]}: increase() extrapolates, and whole things are counted')

    def test_an_exemplar_leads_to_its_trace(self):
        path = os.path.join(FOLDER, "..", "provisioning", "datasources", "prometheus.yml")
        with open(path, encoding="utf-8") as file:
            [source] = yaml.safe_load(file)["datasources"]
        [destination] = source["jsonData"]["exemplarTraceIdDestinations"]
        self.assertEqual(destination["name"], "trace_id")
        # Grafana replaces $NAME in this file by the environment's; what it shall keep has $$.
        self.assertIn("$${__value.raw}", destination["url"])


if __name__ == "__main__":
    sys.exit(unittest.main())
