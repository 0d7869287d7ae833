#!/usr/bin/python3
"""otlp_demo with killed workers: its report agrees with the segments that its processes left.
Called by: ctest, as otlp_demo_test.py PROGRAM.
"""

import collections
import json
import os
import signal
import subprocess
import sys
import unittest

import live_agent
import scratch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shm"))

import segment_reader  # noqa: E402  (found through the line above)

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "otlp_demo"
DEADLINE_S = 60


def children_of(parent):
    """The pids of its children."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if name.isdigit() and int(fields[1]) == parent:
            found.append(int(name))
    return found


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class OtlpDemo(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.report_path = os.path.join(self.folder, "report.json")

    def start(self, *flags):
        environment = live_agent.environment(NOTCH_DIR=self.folder, NOTCH_SERVICE="otlp-service")
        process = subprocess.Popen([PROGRAM, "--report", self.report_path, *flags],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        output, _ = process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, 0, output)
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)

    def segment_names(self):
        return [name for name in os.listdir(self.folder) if name.endswith(".notch")]

    def segments(self):
        return [segment_reader.Segment(os.path.join(self.folder, name)).reading()
                for name in self.segment_names()]

    def assert_adds_up(self, report, segments):
        left = collections.Counter()
        for segment in segments:
            left.update(segment_reader.counts_of(segment))
        for counter in report["counters"]:
            found = left.pop((counter["metric"], frozenset(counter["labels"].items())))
            self.assertLessEqual(counter["at_least"], found, counter)
            self.assertLessEqual(found, counter["at_most"], counter)

    def test_the_workers_own_counts_are_in_the_segments_they_left(self):
        report = self.finish(self.start("--workers", "3", "--for", "5", "--kill-every", "0.4",
                                        "--seed", "1"))
        processes, segments = report["processes"], self.segments()
        self.assertGreaterEqual(processes["killed"], 5)
        # One killed soon after its segment had a name had not yet said that it is attached.
        self.assertEqual(processes["attached"], processes["ready"])
        self.assertLessEqual(processes["attached"], len(segments))
        self.assertEqual(processes["died"] + processes["forced"], 0)
        self.assertEqual({segment["header"]["service"] for segment in segments}, {"otlp-service"})
        # Killed before its segment had a name: it left none. Else it left one that says so.
        killed = sum(segment["header"]["state"] == segment_reader.LIVE for segment in segments)
        self.assertLessEqual(killed, processes["killed"])
        self.assertEqual(len(segments) - killed, processes["started"] - processes["killed"])
        created = sum(counter["at_least"] for counter in report["counters"]
                      if counter["metric"] == "otlp_spans_created_total")
        self.assertGreater(created, 100)
        self.assert_adds_up(report, segments)

    def test_every_span_of_an_ordered_end_is_accounted_for(self):
        report = self.finish(self.start("--workers", "4", "--for", "4", "--seed", "2"))
        sums = collections.Counter()
        for counter in report["counters"]:
            self.assertEqual(counter["at_least"], counter["at_most"], counter)
            labels = counter["labels"]
            sums[counter["metric"], labels.get("status"), labels.get("error_type")] += (
                counter["at_least"])
        created = sums["otlp_spans_created_total", None, None]
        self.assertEqual(created, sums["otlp_spans_duration_seconds_count", None, None])
        self.assertEqual(created, sum(
            sums[key] for key in (("otlp_spans_exported_total", "success", None),
                                  ("otlp_spans_exported_total", "failure", None),
                                  ("otlp_spans_export_errors_total", None, "queue_full"),
                                  ("otlp_spans_export_errors_total", None, "shutdown"))))
        self.assert_adds_up(report, self.segments())
        self.assert_both_ends_agree(report, sums)

    def assert_both_ends_agree(self, report, sums):
        """A span that is exported was taken by a collector. One that was taken and is not, or was taken again, is one of an
        attempt whose answer did not arrive."""
        exported = sums["otlp_spans_exported_total", "success", None]
        unheard = sum(sums["otlp_spans_export_errors_total", None, error] for error in ("timeout", "connection_closed"))
        self.assertLessEqual(exported, report["collectors"]["spans_taken"])
        self.assertLessEqual(report["collectors"]["spans_taken"], exported + unheard)
        rejected = sums["otlp_spans_export_errors_total", None, "rejected"]
        self.assertLessEqual(rejected, report["collectors"]["spans_refused"])
        self.assertLessEqual(report["collectors"]["spans_refused"], rejected + unheard)

    def test_sigterm_ends_it_in_order_and_leaves_no_process(self):
        process = self.start("--workers", "2")
        children = live_agent.until(DEADLINE_S, "two workers", lambda: len(self.segment_names()) == 2
                                    and children_of(process.pid))
        process.send_signal(signal.SIGTERM)
        report = self.finish(process)
        self.assertEqual(report["processes"]["forced"], 0)
        self.assertEqual([pid for pid in children if is_running(pid)], [])
        self.assertEqual({segment["header"]["state"] for segment in self.segments()},
                         {segment_reader.CLOSED})

    def test_no_process_outlives_a_killed_supervisor(self):
        process = self.start("--workers", "2")
        children = live_agent.until(DEADLINE_S, "two workers", lambda: len(self.segment_names()) == 2
                                    and children_of(process.pid))
        process.kill()
        process.wait()
        live_agent.until(DEADLINE_S, f"the end of {children}",
                         lambda: not any(is_running(pid) for pid in children))

    def test_it_is_well_when_a_process_of_it_has_a_segment(self):
        self.start("--workers", "2")
        def health():
            return subprocess.run([PROGRAM, "--health"], capture_output=True, text=True, check=False)
        self.assertRegex(live_agent.until(DEADLINE_S, "health", lambda: health().returncode == 0 and health()).stdout,
                         r"[1-9]\d* of \d+ processes beside this one have a segment")

    def test_wrong_usage_names_what_is_wrong(self):
        for flags, words in ((["--workers", "0"], '--workers does not take "0"'),
                             (["--for", "soon"], '--for does not take "soon"'),
                             (["--kill-every", "-1"], '--kill-every does not take "-1"'),
                             (["--nosuch"], "nosuch"), (["now"], 'no argument "now"')):
            with self.subTest(flags=flags):
                run = subprocess.run([PROGRAM, *flags], capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn(words, run.stderr)

    def test_a_report_that_cannot_be_written_is_an_error_of_its_own(self):
        run = subprocess.run([PROGRAM, "--for", "0.1", "--report", "/nonexistent/report"],
                             capture_output=True, text=True, check=False,
                             env={**os.environ, "NOTCH_DIR": self.folder})
        self.assertEqual(run.returncode, 4)
        self.assertIn("/nonexistent/report: No such file", run.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
