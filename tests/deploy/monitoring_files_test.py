#!/usr/bin/python3
"""The programs that read the files of deploy/prometheus, alertmanager and grafana accept them, and the files agree with each
other.
Called by: ctest.
"""

import glob
import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.realpath(os.path.join(HERE, "..", "..", "deploy"))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import scratch  # noqa: E402  (found through the line above)

RULES = sorted(glob.glob(os.path.join(DEPLOY, "prometheus", "rules", "*.yml")))
RULE_TESTS = sorted(glob.glob(os.path.join(HERE, "rules", "*.yml")))
CONFIG = os.path.join(DEPLOY, "prometheus", "prometheus.yml")
ALERTMANAGER = os.path.join(DEPLOY, "alertmanager", "alertmanager.yml")
THIRTY_EIGHT = "# [3.8]"
# The guide's alerts: what they must compare with, for how long, and who is told.
GUIDE = {
    "HighExportErrorRate": ("> 0.05", "5m", "warning", "exporter"),
    "HighExportLatency": ("> 1", "5m", "warning", "exporter"),
    "ExporterQueueBacklog": ("> 10000", "10m", "warning", "exporter"),
    "HighMemoryUsage": ("> 3.5 * 1024 * 1024 * 1024", "5m", "warning", "system"),
    "HighCPUUsage": ("> 80", "10m", "warning", "system"),
    "ServiceDown": ("== 0", "1m", "critical", "service"),
    "LowSpanCreationRate": ("< 100", "10m", "info", "tracer"),
    "CriticalExportFailureRate": ("< 0.90", "5m", "critical", "exporter"),
}
THRESHOLDS = {
    "ExportErrorRateWarning": "> 0.01", "ExportErrorRateCritical": "> 0.05",
    "ExportLatencyWarning": "> 0.1", "ExportLatencyCritical": "> 0.5",
    "CPUUsageWarning": "> 70", "CPUUsageCritical": "> 85",
    "MemoryUsageWarning": "> 0.75", "MemoryUsageCritical": "> 0.90",
}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def alerts_of(path):
    """{name: its text} of a file of rules: from its `- alert:` to the next rule."""
    parts = re.split(r"^      - (?=alert: |record: )", read(path), flags=re.MULTILINE)
    return {part.split()[1]: part for part in parts if part.startswith("alert: ")}


def all_alerts():
    return {name: text for path in RULES for name, text in alerts_of(path).items()}


def all_records():
    return {name for path in RULES for name in re.findall(r"- record: (\S+)", read(path))}


def anchor_of(heading):
    """The anchor that a Markdown renderer gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class Prometheus(unittest.TestCase):
    def test_the_configuration_is_taken_as_it_is(self):
        check = run("promtool", "check", "config", CONFIG)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_its_newest_setting_is_a_comment_and_the_only_one(self):
        """So that each version takes the file; those that know the setting take it with the line as well."""
        lines = [line for line in read(CONFIG).splitlines() if line.startswith(" ") and THIRTY_EIGHT in line]
        self.assertEqual([line.strip().split(":")[0] for line in lines], ["# scrape_native_histograms"])
        folder = scratch.folder_of(self)
        for name in ("rules", "targets"):
            os.symlink(os.path.join(DEPLOY, "prometheus", name), os.path.join(folder, name))
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(read(CONFIG).replace(lines[0], lines[0].replace("# ", "", 1)))
        version = re.search(r"version (\d+)\.(\d+)", run("promtool", "--version").stdout)
        check = run("promtool", "check", "config", path)
        knows = tuple(map(int, version.groups())) >= (3, 8)
        self.assertEqual(check.returncode == 0, knows, check.stdout + check.stderr)

    def test_jobs_and_intervals_are_the_guides(self):
        text = read(CONFIG)
        for words in ("scrape_interval: 15s", "evaluation_interval: 15s", "cluster: ", "region: ", "rules/*.yml", "alertmanagers:"):
            self.assertIn(words, text)
        self.assertEqual(re.findall(r"job_name: (\S+)", text), ["otlp-service", "notch", "node-exporter", "prometheus"])
        self.assertRegex(text, r"regex: otlp_\.\*\n\s+action: keep")

    def test_rules_pass_promtool(self):
        check = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_rules_do_what_their_unit_tests_say(self):
        check = run("promtool", "test", "rules", *RULE_TESTS)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_the_guides_alerts_have_its_limits_waits_and_severities(self):
        alerts = alerts_of(os.path.join(DEPLOY, "prometheus", "rules", "otlp_service.yml"))
        self.assertEqual(list(alerts), list(GUIDE))
        for name, (limit, wait, severity, component) in GUIDE.items():
            for words in (limit + "\n", f"for: {wait}\n", f"severity: {severity}\n", f"component: {component}\n", "$value"):
                if (name, words) != ("ServiceDown", "$value"):
                    self.assertIn(words, alerts[name], name)

    def test_the_guides_alerts_are_evaluated_every_30_seconds(self):
        text = read(os.path.join(DEPLOY, "prometheus", "rules", "otlp_service.yml"))
        self.assertIn("groups:\n  - name: otlp_service_alerts\n    interval: 30s\n", text)

    def test_the_thresholds_are_the_guides(self):
        alerts = alerts_of(os.path.join(DEPLOY, "prometheus", "rules", "otlp_thresholds.yml"))
        self.assertEqual(list(alerts), list(THRESHOLDS))
        for name, limit in THRESHOLDS.items():
            self.assertIn(limit + "\n", alerts[name])
            self.assertIn(f'severity: {"critical" if name.endswith("Critical") else "warning"}\n', alerts[name])

    def test_every_alert_has_a_case_that_fires_and_one_that_is_silent(self):
        fires, silent = set(), set()
        for path in RULE_TESTS:
            for name, what in re.findall(r"alertname: (\w+)\n\s+exp_alerts:(.*)", read(path)):
                (silent if what.strip() == "[]" else fires).add(name)
        self.assertEqual(set(all_alerts()) - fires, set(), "never seen to fire")
        self.assertEqual(set(all_alerts()) - silent, set(), "never seen to be silent")

    def test_every_recording_rule_has_a_case(self):
        asked = "".join(read(path) for path in RULE_TESTS)
        self.assertEqual([name for name in sorted(all_records()) if f"{name}{{" not in asked and f"({name}," not in asked], [])

    def test_every_runbook_link_has_its_section_and_every_section_its_alert(self):
        sections = {anchor_of(line[3:]) for line in read(os.path.join(DEPLOY, "RUNBOOK.md")).splitlines() if line.startswith("## ")}
        linked = set()
        for name, text in all_alerts().items():
            link = re.search(r"runbook_url: '\{\{ \$externalURL \}\}/user/RUNBOOK\.md#([\w-]+)'", text)
            self.assertTrue(link, name)
            self.assertEqual(link[1], anchor_of(name))
            linked.add(link[1])
        self.assertEqual(linked, sections)

    def test_links_within_the_runbook_lead_somewhere(self):
        text = read(os.path.join(DEPLOY, "RUNBOOK.md"))
        anchors = {anchor_of(line[3:]) for line in text.splitlines() if line.startswith("## ")}
        self.assertEqual(set(re.findall(r"\]\(#([^)]*)\)", text)) - anchors, set())


class Readme(unittest.TestCase):
    def test_prometheus_takes_every_recipe(self):
        recipes = re.findall(r"```yaml\n(.*?)```", read(os.path.join(DEPLOY, "README.md")), re.DOTALL)
        self.assertGreaterEqual(len(recipes), 5)
        path = os.path.join(scratch.folder_of(self), "recipe.yml")
        for recipe in recipes:
            with open(path, "w", encoding="utf-8") as file:
                file.write(recipe)
            check = run("promtool", "check", "config", "--syntax-only", path)
            self.assertEqual(check.returncode, 0, recipe + check.stdout + check.stderr)


class Alertmanager(unittest.TestCase):
    def test_amtool_takes_the_configuration(self):
        check = run("amtool", "check-config", ALERTMANAGER)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertIn("1 templates", check.stdout)

    def test_each_severity_goes_to_its_receiver(self):
        for labels, receiver in (("severity=critical", "critical"), ("severity=warning", "warning"), ("severity=info", "info"),
                                 ("severity=none", "default"), ("alertname=Odd", "default")):
            check = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}",
                        f"--verify.receivers={receiver}", labels, "service=shop")
            self.assertEqual(check.returncode, 0, f"{labels}: {check.stdout}{check.stderr}")

    def test_every_severity_that_a_rule_gives_has_a_route_of_its_own(self):
        given = {severity for text in all_alerts().values() for severity in re.findall(r"severity: (\w+)", text)}
        self.assertEqual(given, set(re.findall(r"severity = (\w+)\]\n      receiver", read(ALERTMANAGER))))

    def test_waits_and_repetitions_are_the_guides(self):
        text = read(ALERTMANAGER)
        for words in ("group_by: [alertname, cluster, service]\n  group_wait: 10s\n  group_interval: 10s\n  repeat_interval: 12h",
                      "receiver: critical\n      group_wait: 0s\n      repeat_interval: 5m",
                      "receiver: warning\n      repeat_interval: 1h", "receiver: info\n      repeat_interval: 24h",
                      "alertname = ServiceDown]\n    target_matchers: [severity = warning]\n    equal: [instance]"):
            self.assertIn(words, text)

    def test_no_secret_stands_in_the_file(self):
        text = read(ALERTMANAGER)
        for word in ("api_url:", "routing_key:", "service_key:", "password:", "hooks.slack.com"):
            self.assertNotIn(word, text)
        self.assertEqual(set(re.findall(r"/etc/alertmanager/secrets/(\w+)", text)), {"slack_url", "pagerduty_key"})


class Grafana(unittest.TestCase):
    def test_provisioning_is_the_guides(self):
        source = read(os.path.join(DEPLOY, "grafana/provisioning/datasources/prometheus.yml"))
        for words in ("type: prometheus", "access: proxy", "isDefault: true", "timeInterval: 30s", "httpMethod: POST"):
            self.assertIn(words, source)
        provider = read(os.path.join(DEPLOY, "grafana/provisioning/dashboards/notch.yml"))
        for words in ("folder: OTLP", "type: file", "updateIntervalSeconds: 30"):
            self.assertIn(words, provider)

    def test_dashboards_are_as_their_source_has_them(self):
        check = run(os.path.join(DEPLOY, "grafana", "build-dashboards"), "--check")
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_the_files_hold_dashboards_and_are_valid_json(self):
        paths = glob.glob(os.path.join(DEPLOY, "grafana", "dashboards", "*.json"))
        self.assertGreaterEqual(len(paths), 6)
        for path in paths:
            dashboard = json.loads(read(path))
            self.assertNotIn("dashboard", dashboard, path)
            self.assertEqual(dashboard["uid"] + ".json", os.path.basename(path))


if __name__ == "__main__":
    sys.exit(unittest.main())
