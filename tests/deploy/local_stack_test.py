#!/usr/bin/python3
"""Runs the guide's system thirty times as fast: every panel has data, and alerts fire for their true causes, reach Slack and
PagerDuty in the form that these accept, and end. Called by: ctest, as local_stack_test.py PROGRAMS_FOLDER.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

import live_stack
import troubled_host
from live_stack import live_agent, scratch

PROGRAMS = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/bin"
DEPLOY = os.path.dirname(live_stack.SCRIPT)
FASTER = 30
WARM_UP_S = 40
DEADLINE_S = 60
PICTURES_MAX = 400_000  # bytes; those in the repository are fewer
METRIC = re.compile(r"\b(?:otlp|notch|node|process|http|libc|ebpf|dns)_\w+")
MEMORY_PIECE = 700 << 20  # half of what other programs may take meanwhile; what they give back is taken
LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|without|ignoring) \([^)]*\)")


def names_in(expression):
    """The metrics that an expression names: not its labels, nor the series of recording rules."""
    return set(METRIC.findall(re.sub(r"\w+:\w+:\w+", "", LABELS.sub("", expression))))


def queries():
    """(dashboard, panel, expression) of every query of every dashboard."""
    for path in sorted(glob.glob(os.path.join(DEPLOY, "grafana", "dashboards", "*.json"))):
        with open(path, encoding="utf-8") as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield dashboard["uid"], panel["title"], target["expr"]


class LocalStack(unittest.TestCase):
    """One stack for all: the tests are run in the order of their names and leave it as the next wants it."""

    @classmethod
    def setUpClass(cls):
        cls.messages = live_stack.Messages()
        cls.addClassCleanup(cls.messages.close)
        cls.stack = live_stack.Stack(PROGRAMS, "--faster", str(FASTER), "--notify", cls.messages.url,
                                     "--workers", "16", "--kill-every", "7", "--seed", "5")
        cls.addClassCleanup(cls.stack.end)
        cls.stack.read_folder()
        cls.up_at = time.monotonic()

    def wait_for_alert(self, alert, channel, *words, instance=None, deadline_s=DEADLINE_S, meanwhile=lambda: None):
        instance = instance or self.stack.agent
        found = live_agent.until(deadline_s, f"{alert} of {instance} at Slack",
                                 lambda: meanwhile() or self.messages.slack(alert, "FIRING", instance))
        self.assertEqual(found[0], channel)
        for word in (*words, f"/user/RUNBOOK.md#{alert.lower()}"):
            self.assertIn(word, found[1])

    def wait_for_end(self, alert, instance=None, deadline_s=DEADLINE_S):
        instance = instance or self.stack.agent
        live_agent.until(deadline_s, f"the end of {alert} of {instance} at Slack", lambda: self.messages.slack(alert, "RESOLVED", instance))

    def collector(self):
        """The demonstration's process that listens. It is replaced at times, and there is none for a moment."""
        def listeners():
            with open("/proc/net/tcp", encoding="utf-8") as file:
                listening = {f"socket:[{fields[9]}]" for fields in map(str.split, file) if fields[3] == "0A"}
            return [pid for pid in self.stack.pids("otlp_demo") if listening & self.open_files(pid)]
        return live_agent.until(DEADLINE_S, "a collector", listeners)[0]

    def open_files(self, pid):
        """What its descriptors are; none of a process that has ended."""
        try:
            return {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
        except OSError:
            return set()

    def filled(self, dashboard, expression):
        service = "web|visitor" if dashboard == "http-red" else "otlp-service"
        return (expression.replace("$instance", self.stack.agent).replace("$service", service)
                .replace("$__rate_interval", "10s"))

    def test_1_every_target_is_scraped_and_every_rule_is_well(self):
        jobs = {"otlp-service", "notch", "prometheus"}
        live_agent.until(DEADLINE_S, f"{jobs}, all up", lambda: jobs == {
            t["labels"]["job"] for t in self.stack.get("targets")["activeTargets"] if t["health"] == "up"})
        live_agent.until(DEADLINE_S, "samples", lambda: self.stack.query('up{job="otlp-service"} == 1'))
        rules = [rule for group in self.stack.get("rules")["groups"] for rule in group["rules"]]
        self.assertEqual([rule["name"] for rule in rules if rule["health"] == "err"], [])
        kept = {r["metric"]["__name__"] for r in self.stack.query('group by (__name__) ({job="otlp-service"})')}
        self.assertEqual({name for name in kept if not re.match(r"otlp_|instance|up$|scrape_|ALERTS", name)}, set())

    def test_2_a_host_in_trouble(self):
        """While the panels' queries gather data: what the host runs out of, and what ails a second agent."""
        why_not = troubled_host.why_not()
        if why_not:
            print(f"skipped: local_stack_test: an agent in trouble: {why_not}")
        else:
            host = troubled_host.TroubledHost(self.stack, PROGRAMS, scratch.folder_of(self))
            self.addCleanup(host.end)
            host.start()
            host.fill()
            host.end_its_service()
        self.host_runs_out()
        if not why_not:
            self.agent_is_in_trouble(host)

    def memory(self, query):
        return float(self.stack.query(query)[0]["value"][1])

    def use_memory(self, load, wanted):
        """As much more as the host uses less than wanted: what other programs give back does not end an alert."""
        missing = int(wanted - self.memory("otlp_system_memory_usage_bytes"))
        if missing > MEMORY_PIECE / 4:
            load.touch(missing)
            time.sleep(45 / FASTER)  # scrapes are 15 s apart

    def host_runs_out(self):
        """Of memory, as limits set for this machine have it; and of processors, with the critical limit out of reach at first."""
        total, used = self.memory('node_memory_MemTotal_bytes{job="notch"}'), self.memory("otlp_system_memory_usage_bytes")
        first, second = used + MEMORY_PIECE / 2, used + MEMORY_PIECE * 3
        limits = {"MemoryUsageWarning": f"{first / total:.6f}", "MemoryUsageCritical": f"{second / total:.6f}"}
        self.stack.set_limits(FASTER, "otlp_service.yml", HighMemoryUsage=f"{first:.0f}")
        self.stack.set_limits(FASTER, "otlp_thresholds.yml", CPUUsageCritical="100", **limits)
        load = troubled_host.Load()
        self.addCleanup(load.end)
        def over(limit):
            return lambda: self.use_memory(load, limit + MEMORY_PIECE / 2)
        self.wait_for_alert("HighMemoryUsage", "#warnings", "are in use; the limit is 3.5 GiB", meanwhile=over(first))
        self.wait_for_alert("MemoryUsageWarning", "#warnings", "the threshold is 75 %", meanwhile=over(first))
        self.wait_for_alert("CPUUsageWarning", "#warnings", "the threshold is 70 %")
        self.stack.set_limits(FASTER, "otlp_thresholds.yml", **limits)
        self.wait_for_alert("MemoryUsageCritical", "#critical-alerts", "the threshold is 90 %", meanwhile=over(second))
        self.wait_for_alert("CPUUsageCritical", "#critical-alerts", "the threshold is 85 %")
        self.wait_for_alert("HighCPUUsage", "#warnings", "the limit is 80 %")
        self.one_keeps_the_other_back("MemoryUsage", "CPUUsage")
        load.end()
        # With the files' own limits again: what else runs here may have taken as much memory meanwhile.
        for name in ("otlp_service.yml", "otlp_thresholds.yml"):
            self.stack.set_limits(FASTER, name)
        self.wait_for_end("MemoryUsageCritical")

    def agent_is_in_trouble(self, host):
        instance = host.agent.address
        self.wait_for_alert("NotchDirectoryNearlyFull", "#warnings", "of it is left", instance=instance)
        self.wait_for_alert("NotchSeriesDropped", "#warnings", "as overflowed_rows", instance=instance)
        self.wait_for_alert("NotchLedgerTrouble", "#critical-alerts", "failures in ten minutes", instance=instance)
        refused = self.stack.query(f'notch_ebpf_probe_refused_info{{instance="{instance}"}}')
        if {row["metric"]["reason"] for row in refused} <= {"not_built"}:
            print("skipped: local_stack_test: NotchProbeDown: this agent was built without probes")
        else:
            self.wait_for_alert("NotchProbeDown", "#info", "The metrics of probe", instance=instance)
        host.make_room()
        self.wait_for_end("NotchDirectoryNearlyFull", instance)

    def test_3_every_panel_has_data(self):
        time.sleep(max(0, WARM_UP_S - (time.monotonic() - self.up_at)))
        probes = {r["metric"]["probe"] for r in self.stack.query("notch_ebpf_probe_up == 1")}
        if not probes:
            print("skipped: local_stack_test: panels of ebpf_ metrics: no probe is up here")
        empty, asked = [], 0
        for dashboard, panel, expression in queries():
            if "ebpf_" in expression and "notch_ebpf" not in expression and not probes:
                continue
            asked += 1
            result = self.stack.query(self.filled(dashboard, expression))
            values = [r["value"][1] if "value" in r else r["histogram"][1]["count"] for r in result]
            if not [value for value in values if value != "NaN"]:
                empty.append(f"{dashboard}: {panel}: {expression}")
        self.assertEqual(empty, [])
        self.assertGreater(asked, 80)

        self.pictures_show_every_panel()

    def pictures_show_every_panel(self):
        """The documents' pictures, as they are drawn from this server."""
        folder = scratch.folder_of(self)
        subprocess.run([os.path.join(DEPLOY, "grafana", "draw-dashboards"), "--prometheus", self.stack.prometheus, "--minutes", "1",
                        "--folder", folder], check=True, capture_output=True, timeout=60)
        drawn, size = {}, 0
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            size += os.path.getsize(path)
            drawn[name] = {text.text for text in xml.etree.ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")}
        for dashboard, panel, _ in queries():
            self.assertIn(panel, drawn[dashboard + ".svg"])
        self.assertFalse([name for name, words in drawn.items() if "No data" in words])
        self.assertLess(size, PICTURES_MAX)

    def test_4_every_metric_named_is_one_that_is_exported(self):
        known = set(self.stack.get("label/__name__/values"))
        # A counter by reason has no series before it first happens: the agent's own declarations tell of it.
        with open(os.path.join(DEPLOY, "..", "agent", "agent_metrics.cc"), encoding="utf-8") as file:
            declared = set(re.findall(r'"(notch_agent_\w+)"', file.read()))
        self.assertTrue(declared)
        probes = self.stack.query("notch_ebpf_probe_up == 1")
        named = set().union(*(names_in(expression) for _, _, expression in queries()))
        for rule in (rule for group in self.stack.get("rules")["groups"] for rule in group["rules"]):
            named |= names_in(rule["query"])
        missing = {name for name in named - known - declared
                   if probes or not name.startswith("ebpf_")} - {"notch_ebpf_probe_refused_info"}
        self.assertEqual(missing, set())
        self.assertGreater(len(named), 50)
        # What grows with every user or request is no label, here as in the guide.
        labels = set(self.stack.get("labels"))
        self.assertIn("span_kind", labels)
        self.assertEqual({label for label in labels if re.search(r"user|request_id|session|trace|span_id", label)}, set())

    def test_5_a_collector_that_hangs(self):
        collector = self.collector()
        os.kill(collector, signal.SIGSTOP)
        load = troubled_host.Load()  # a host so busy that what times out does so late
        try:
            self.wait_for_alert("CriticalExportFailureRate", "#critical-alerts", "at least 90 % must")
            event = live_agent.until(DEADLINE_S, "the page",
                                     lambda: self.messages.pagerduty("CriticalExportFailureRate", "trigger"))
            self.assertEqual(event["payload"]["severity"], "critical")
            self.wait_for_alert("HighExportErrorRate", "#warnings", "the limit is 5 %")
            self.wait_for_alert("ExportErrorRateCritical", "#critical-alerts", "the threshold is 5 %")
            self.wait_for_alert("ExportLatencyCritical", "#critical-alerts", "the threshold is 500 ms")
            self.wait_for_alert("ExporterQueueBacklog", "#warnings", "wait for exporter otlp; the limit is 10000")
            self.stall_workers(collector)
            self.wait_for_alert("HighExportLatency", "#warnings", "the limit is 1 s")
            self.one_keeps_the_other_back("ExportErrorRate", "ExportLatency")
        finally:
            load.end()
            os.kill(collector, signal.SIGCONT)
        for alert in ("CriticalExportFailureRate", "ExporterQueueBacklog", "HighExportLatency"):
            self.wait_for_end(alert)
        self.assertTrue(self.messages.pagerduty("CriticalExportFailureRate", "resolve"))

    def stall_workers(self, collector):
        """Workers stand still for two seconds at a time, as on a host that has no processor for them: an attempt that was
        under way took that long."""
        end = time.monotonic() + 3 * DEADLINE_S / 2
        while not self.messages.slack("HighExportLatency", "FIRING", self.stack.agent) and time.monotonic() < end:
            workers = set(self.stack.pids("otlp_demo")[1:]) - {collector}
            for sign, pause_s in ((signal.SIGSTOP, 2), (signal.SIGCONT, 0.2)):
                for pid in workers:
                    try:
                        os.kill(pid, sign)
                    except ProcessLookupError:
                        pass
                time.sleep(pause_s)

    def one_keeps_the_other_back(self, *figures):
        """Past the critical threshold of a figure its warning is kept back, and by nothing else."""
        known = self.stack.alerts_known_to_alertmanager()
        def whose(alert):
            return alert["labels"]["instance"], alert["labels"].get("service")
        for figure in figures:
            critical = {whose(alert): alert["fingerprint"] for alert in known[figure + "Critical"]}
            warnings = [alert for alert in known[figure + "Warning"] if whose(alert) in critical]
            self.assertTrue(warnings, figure)
            for warning in warnings:
                self.assertEqual(warning["status"]["state"], "suppressed", figure)
                self.assertIn(critical[whose(warning)], warning["status"]["inhibitedBy"])

    def test_6_a_service_that_dies(self):
        for pid in self.stack.pids("otlp_demo"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_for_alert("ServiceHasNoProcess", "#critical-alerts", "No process of otlp-service lives")
        self.wait_for_alert("NotchProcessCrashes", "#warnings", "processes of otlp-service ended")
        self.wait_for_alert("LowSpanCreationRate", "#info", "100 are expected")

    def write_rubbish(self, name):
        with open(os.path.join(self.stack.segments, name + ".notch"), "wb") as file:
            file.write(b"no segment at all\n" * 1000)

    def test_7_a_file_that_is_no_segment(self):
        self.write_rubbish("first")
        self.wait_for_alert("NotchSegmentsRejected", "#warnings", "looks at segments in ten minutes")

    def test_8_an_agent_that_stops_silences_the_warnings_of_its_instance(self):
        self.write_rubbish("second")  # so that the alert goes on for a while without an agent
        live_agent.until(DEADLINE_S, "a scrape of it", lambda: self.stack.query("increase(notch_agent_rejected_segments_total[20s]) > 0"))
        [pid] = self.stack.pids("notchd", "--dir")
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            command = file.read().split("\0")[:-1]
        os.kill(pid, signal.SIGTERM)
        self.wait_for_alert("ServiceDown", "#critical-alerts", self.stack.agent, "nothing is known of its services")
        self.wait_for_alert("NotchAgentDown", "#critical-alerts", "nothing is lost")
        known = self.stack.alerts_known_to_alertmanager()
        [down] = known["ServiceDown"]
        self.assertEqual(down["labels"]["cluster"], "test")
        warnings = [alert for alerts in known.values() for alert in alerts if alert["labels"]["severity"] == "warning"]
        self.assertTrue(warnings, "no warning was left to be silenced")
        for alert in warnings:
            self.assertEqual(alert["status"]["state"], "suppressed", alert["labels"])
            self.assertIn(down["fingerprint"], alert["status"]["inhibitedBy"])
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            try:
                self.wait_for_end("ServiceDown")
                self.wait_for_end("NotchAgentDown")
            finally:
                agent.terminate()
        self.the_runbook_is_where_the_links_say()

    def the_runbook_is_where_the_links_say(self):
        text = self.messages.slack("ServiceDown", "FIRING", self.stack.agent)[1]
        link = re.search(r"(http://\S+/user/RUNBOOK\.md)#servicedown", text)[1]
        with live_stack.urllib.request.urlopen(link, timeout=10) as answer:
            self.assertIn("\n## ServiceDown\n", answer.read().decode())

    def test_9_it_ends_and_leaves_nothing(self):
        self.stack.process.send_signal(signal.SIGINT)
        self.assertEqual(self.stack.process.wait(60), 0)
        self.assertFalse(os.path.exists(self.stack.folder))
        self.assertEqual(self.stack.pids(), [])


if __name__ == "__main__":
    sys.exit(unittest.main(failfast=False, verbosity=2))
