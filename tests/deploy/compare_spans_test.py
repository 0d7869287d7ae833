#!/usr/bin/python3
"""deploy/compare_spans judges pages that the test serves in the agent's place. Called by: ctest."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")
SCRIPT = os.path.realpath(os.path.join(DEPLOY, "compare_spans"))


def counter(least, most=None, metric="otlp_spans_created_total", **labels):
    return {"metric": metric, "labels": labels, "at_least": least,
            "at_most": least if most is None else most}


class CompareSpans(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.pages = []

    def serve(self, *pages):
        """Serves the pages in turn, and the last one for ever; gives the address."""
        waiting = list(pages)

        class Agent(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # the name http.server asks for
                body = (waiting.pop(0) if len(waiting) > 1 else waiting[0]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Agent)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/metrics"

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def report(self, *counters, **more):
        processes = {"started": 6, "killed": 2, "replaced": 2}
        return self.write("report", json.dumps({"processes": processes, "counters": counters, **more}))

    def compare(self, report, url, *flags):
        return subprocess.run([SCRIPT, report, url, "--within", "0.3", *flags], check=False,
                              capture_output=True, text=True)

    def outcome(self, counters, *pages, flags=()):
        return self.compare(self.report(*counters), self.serve(*pages), *flags)

    def test_equal_numbers_agree(self):
        run = self.outcome([counter(7, kind="a")],
                           'otlp_spans_created_total{service="otlp-service",kind="a"} 7\n')
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("6 started, 2 killed, 2 replaced", run.stdout)

    def test_what_was_exported_and_no_collector_took_differs(self):
        page = self.serve('otlp_spans_exported_total{service="otlp-service",status="success"} 7\n')
        for taken, code in ((6, 1), (7, 0), (9, 0)):
            with self.subTest(taken=taken):
                run = self.compare(self.report(counter(7, metric="otlp_spans_exported_total", status="success"),
                                               collectors={"started": 1, "died": 0, "spans_taken": taken}), page)
                self.assertEqual(run.returncode, code, run.stdout + run.stderr)
                self.assertIn(f"the collectors took {taken} spans", run.stdout)

    def test_one_too_few_or_too_many_differs(self):
        for found in (6, 8):
            with self.subTest(found=found):
                run = self.outcome([counter(7, kind="a")], 'otlp_spans_created_total'
                                   f'{{service="otlp-service",kind="a"}} {found}\n')
                self.assertEqual(run.returncode, 1)
                self.assertIn(f'kind="a"}}: counted 7, found {found}', run.stdout)

    def test_in_doubt_agrees_within_both_bounds_only(self):
        for found, status in ((6, 1), (7, 0), (9, 0), (10, 1)):
            with self.subTest(found=found):
                run = self.outcome([counter(7, 9)], 'otlp_spans_created_total'
                                   f'{{service="otlp-service"}} {found}\n')
                self.assertEqual(run.returncode, status, run.stdout)

    def test_two_errors_that_cancel_out_are_seen(self):
        run = self.outcome([counter(7, kind="a"), counter(7, kind="b")],
                           'otlp_spans_created_total{service="otlp-service",kind="a"} 6\n'
                           'otlp_spans_created_total{service="otlp-service",kind="b"} 8\n')
        self.assertEqual(run.returncode, 1)

    def test_rows_of_one_service_add_up_and_others_do_not(self):
        run = self.outcome([counter(7)],
                           'otlp_spans_created_total{service="otlp-service",pid="1"} 3\n'
                           'otlp_spans_created_total{service="otlp-service",pid="2"} 4\n'
                           'otlp_spans_created_total{service="other"} 100\n'
                           'otlp_spans_created_total_more{service="otlp-service"} 100\n')
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_a_series_that_is_not_there_counts_as_zero(self):
        self.assertEqual(self.outcome([counter(0)], "up 1\n").returncode, 0)
        self.assertEqual(self.outcome([counter(1)], "up 1\n").returncode, 1)

    def test_waits_for_an_agent_that_has_not_seen_the_last_death(self):
        line = 'otlp_spans_created_total{{service="otlp-service"}} {}\n'
        run = self.outcome([counter(7)], line.format(5), line.format(7))
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_a_sum_that_was_too_high_once_is_wrong(self):
        line = 'otlp_spans_created_total{{service="otlp-service"}} {}\n'
        self.assertEqual(self.outcome([counter(7)], line.format(8), line.format(7)).returncode, 1)

    def test_what_was_there_before_does_not_count(self):
        line = 'otlp_spans_created_total{{service="otlp-service"}} {}\n'
        before = self.write("before", line.format(100))
        run = self.outcome([counter(7)], line.format(107), flags=("--before", before))
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_a_report_or_an_agent_that_is_not_there_is_an_error_of_its_own(self):
        self.assertEqual(self.compare("/nonexistent", self.serve("up 1\n")).returncode, 3)
        self.assertEqual(self.compare(self.report(), "http://127.0.0.1:1/metrics").returncode, 3)

    def test_an_empty_report_proves_nothing(self):
        self.assertEqual(self.outcome([], "up 1\n").returncode, 1)


if __name__ == "__main__":
    sys.exit(unittest.main())
