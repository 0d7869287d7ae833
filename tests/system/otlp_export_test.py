#!/usr/bin/python3
"""otlp_demo exports to another collector than its own. The page has the spans that this collector decoded, and the exporter
handles every answer as the protocol says, those that the protocol does not name too.
Called by: ctest, as otlp_export_test.py OTLP_DEMO NOTCHD.
"""
import collections
import email.utils
import itertools
import json
import os
import subprocess
import sys
import time
import unittest

import live_agent
import otlp_collector
import scratch
from otlp_collector import Reply, reply

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shm"))

import segment_reader  # noqa: E402  (found through the line above)

DEMO, NOTCHD = sys.argv.pop(1), sys.argv.pop(1)
DEADLINE_S = 60
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
BATCH = 256  # spans
TOO_LONG_NS = 200_000_000
ERROR = 2  # STATUS_CODE_ERROR
MEBIBYTE = 1 << 20
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000


def environment(folder, **changes):
    return live_agent.environment(NOTCH_DIR=folder, NOTCH_SERVICE="otlp-service", **changes)


def run(folder, *flags, **changes):
    done = subprocess.run([DEMO, *flags], env=environment(folder, **changes), capture_output=True, text=True, check=False,
                          timeout=DEADLINE_S)
    return done.returncode, done.stdout + done.stderr


def counted(folder):
    """{(metric, labels): count} of all the segments that the processes left."""
    sums = collections.Counter()
    for name in os.listdir(folder):
        if name.endswith(".notch"):
            sums.update(segment_reader.counts_of(segment_reader.Segment(os.path.join(folder, name)).reading()))
    return sums


def sum_of(counts, metric, **labels):
    return sum(count for (name, found), count in counts.items() if name == metric and labels.items() <= dict(found).items())


def errors_of(counts):
    """{error_type: spans}, of attempts."""
    found = {dict(labels)["error_type"]: count for (name, labels), count in counts.items()
             if name == "otlp_spans_export_errors_total" and count}
    return {name: count for name, count in found.items() if name not in ("queue_full", "shutdown")}


class Export(unittest.TestCase):
    def collector(self, decide, **where):
        made = otlp_collector.Collector(decide, **where)
        self.addCleanup(made.end)
        return made

    def exported(self, decide, *flags, seconds="0.6", **changes):
        """One worker's spans, to a collector that decides so: what it counted, and the collector."""
        collector = self.collector(decide)
        with scratch.folder() as folder:
            code, output = run(folder, "--workers", "1", "--for", seconds, "--endpoint", collector.url, *flags, **changes)
            self.assertEqual(code, 0, output)
            counts = counted(folder)
        live_agent.until(DEADLINE_S, "the end of every connection", collector.is_left)
        self.assertGreater(len(collector.requests), 0)
        sent = sum(len(otlp_collector.spans_of(body)) for body in set(collector.bodies()))
        done = {status: sum_of(counts, "otlp_spans_exported_total", status=status) for status in ("success", "failure")}
        self.assertEqual(sum(done.values()), sent)  # each span once, however often it was sent
        return counts, done, collector, sent

    def agent(self):
        started = live_agent.Agent(NOTCHD, os.path.join(scratch.folder_of(self), "segments"))
        self.addCleanup(started.end)
        started.start_and_wait()
        return started

    def test_what_workers_exported_that_were_killed_reached_the_collector(self):
        agent, collector = self.agent(), self.collector(lambda request: reply(200))
        report = os.path.join(scratch.folder_of(self), "report")
        code, output = run(agent.directory, "--workers", "3", "--for", "3", "--kill-every", "0.4", "--endpoint", collector.url,
                           "--report", report)
        self.assertEqual(code, 0, output)
        live_agent.until(DEADLINE_S, "all processes' counts", agent.all_folded)
        with open(report, encoding="utf-8") as file:
            killed = json.load(file)["processes"]["killed"]
        self.assertGreater(killed, 2)
        exported = sum(value for (name, labels), value in agent.samples("otlp_spans_exported_total").items()
                       if 'status="success"' in labels)
        decoded = {bytes(span.span_id) for body in collector.bodies() for _, _, span in otlp_collector.spans_of(body)}
        # A worker can be killed between the collector's answer and its own count: at most one batch per worker.
        self.assertGreater(exported, 0)
        self.assertLessEqual(exported, len(decoded))
        self.assertLessEqual(len(decoded), exported + killed * BATCH)

    def test_what_another_collector_decodes_is_what_the_page_says(self):
        agent = self.agent()
        collector = self.collector(lambda request: reply(200))
        code, output = run(agent.directory, "--workers", "3", "--for", "3", "--endpoint", collector.url)
        self.assertEqual(code, 0, output)
        live_agent.until(DEADLINE_S, "all processes' counts", agent.all_folded)
        page = agent.samples("otlp_")
        def of_page(metric, *parts):
            return sum(value for (name, labels), value in page.items()
                       if name == metric and all(part in labels for part in parts))
        spans = [span for body in collector.bodies() for span in otlp_collector.spans_of(body)]
        self.assertGreater(len(spans), 100)
        self.assertEqual(of_page("otlp_spans_exported_total", 'status="success"'), len(spans))
        self.assertEqual(of_page("otlp_spans_created_total"), len(spans))
        self.assertEqual(of_page("otlp_spans_export_errors_total"), 0)
        self.assertEqual(of_page("otlp_exporter_batch_size_count"), len(collector.requests))
        self.assertEqual(of_page("otlp_exporter_latency_seconds_count", 'protocol="http/protobuf"'), len(collector.requests))
        by_labels = collections.defaultdict(list)
        for service, _, span in spans:
            by_labels[service, KINDS[span.kind]].append((span.end_time_unix_nano - span.start_time_unix_nano) / 1e9)
        for (service, kind), seconds in by_labels.items():
            parts = (f'service_name="{service}"', f'span_kind="{kind}"')
            self.assertEqual(of_page("otlp_spans_created_total", *parts), len(seconds))
            self.assertAlmostEqual(of_page("otlp_spans_duration_seconds_sum", *parts), sum(seconds), delta=1e-6)
        self.assert_spans_are_whole(spans)
        self.assert_requests_are_the_protocols(collector)

    def assert_spans_are_whole(self, spans):
        self.assertEqual(len({bytes(span.span_id) for _, _, span in spans}), len(spans))
        now_ns = time.time_ns()
        for _, scope, span in spans:
            self.assertEqual((len(span.trace_id), len(span.span_id), scope.name), (16, 8, "otlp_demo"))
            self.assertTrue(scope.version and span.name)
            self.assertLess(now_ns - 60e9, span.start_time_unix_nano)
            self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
            self.assertEqual(span.status.code == ERROR, span.end_time_unix_nano - span.start_time_unix_nano >= TOO_LONG_NS)

    def assert_requests_are_the_protocols(self, collector):
        for request in collector.requests:
            self.assertEqual((request.method, request.target, request.version), ("POST", "/v1/traces", "HTTP/1.1"))
            self.assertEqual(request.headers["Content-Type"], otlp_collector.TYPE)
            self.assertEqual(request.headers["Host"], f"127.0.0.1:{collector.port}")
            self.assertRegex(request.headers["User-Agent"], r"otlp.*/\d")
        self.assertEqual(collector.connections, 3)  # one a worker, kept alive

    def test_a_partial_success_is_counted_once_and_not_sent_again(self):
        counts, done, collector, sent = self.exported(lambda request: reply(200, otlp_collector.partial_success(3)))
        lost = sum(min(3, len(otlp_collector.spans_of(body))) for body in collector.bodies())
        self.assertEqual(len(set(collector.bodies())), len(collector.requests))
        self.assertEqual(done, {"success": sent - lost, "failure": lost})
        self.assertEqual(errors_of(counts), {"rejected": lost})

    def test_a_collector_cannot_reject_more_than_there_is_or_less_than_nothing(self):
        for rejected, taken in ((1 << 40, 0), (-5, 1)):
            with self.subTest(rejected=rejected):
                _, done, _, sent = self.exported(lambda request, n=rejected: reply(200, otlp_collector.partial_success(n)))
                self.assertEqual(done, {"success": sent * taken, "failure": sent * (1 - taken)})

    def test_a_warning_that_rejects_nothing_is_a_success(self):
        counts, done, _, sent = self.exported(lambda request: reply(200, otlp_collector.partial_success(0, "slow down")))
        self.assertEqual((done, errors_of(counts)), ({"success": sent, "failure": 0}, {}))

    def test_429_502_503_and_504_are_sent_again(self):
        for status in (429, 502, 503, 504):
            with self.subTest(status=status):
                seen = set()
                def once(request, seen=seen, status=status):
                    is_new = request.body not in seen
                    seen.add(request.body)
                    return reply(status, otlp_collector.failure("later")) if is_new else reply(200)
                counts, done, collector, sent = self.exported(once)
                self.assertEqual(set(collections.Counter(collector.bodies()).values()), {2})
                self.assertEqual(done, {"success": sent, "failure": 0})
                self.assertEqual(errors_of(counts), {str(status): sent})

    def test_other_answers_are_not_sent_again_nor_followed(self):
        for status, name in ((400, "400"), (401, "401"), (403, "403"), (404, "404"), (413, "413"), (500, "500"), (501, "_OTHER"),
                             (408, "_OTHER"), (302, "_OTHER"), (307, "_OTHER"), (101, "_OTHER"), (999, "_OTHER")):
            with self.subTest(status=status):
                counts, done, collector, sent = self.exported(
                    lambda request, status=status: reply(status, Location="/elsewhere", Retry_After="0"), seconds="0.3")
                self.assertEqual(len(set(collector.bodies())), len(collector.requests))
                self.assertEqual({request.target for request in collector.requests}, {"/v1/traces"})
                self.assertEqual(done, {"success": 0, "failure": sent})
                self.assertEqual(errors_of(counts), {name: sent})

    def test_attempts_end_and_the_batch_is_given_up(self):
        counts, done, collector, sent = self.exported(lambda request: reply(503), seconds="3")
        times = collections.Counter(collector.bodies())
        self.assertEqual(max(times.values()), 6)
        self.assertEqual(done, {"success": 0, "failure": sent})
        self.assertEqual(errors_of(counts),
                         {"503": sum(n * len(otlp_collector.spans_of(body)) for body, n in times.items())})

    def test_retry_after_is_obeyed_in_both_forms(self):
        for form in ("seconds", "date"):
            with self.subTest(form=form):
                due = []
                def later(request, due=due, form=form):
                    if due:
                        return reply(200)
                    at = int(time.time()) + 2
                    due.append(at if form == "date" else time.time() + 1)
                    text = email.utils.formatdate(at, usegmt=True) if form == "date" else "1"
                    return reply(429, Retry_After=text)
                _, done, collector, sent = self.exported(later, seconds="2.5")
                answered_at = time.time() - time.monotonic()
                self.assertGreaterEqual(len(collector.requests), 2)
                self.assertGreaterEqual(collector.requests[1].come_at + answered_at, due[0] - 0.01)
                self.assertEqual(done, {"success": sent, "failure": 0})

    def test_a_collector_that_says_never_holds_nobody_up_at_the_end(self):
        begun = time.monotonic()
        counts, done, collector, sent = self.exported(lambda request: reply(503, Retry_After="999999999999999999999"))
        self.assertEqual(len(collector.requests), 1)
        self.assertEqual(done, {"success": 0, "failure": sent})
        self.assertLess(time.monotonic() - begun, DEADLINE_S / 2)
        created = sum_of(counts, "otlp_spans_created_total")
        self.assertEqual(created - sent, sum_of(counts, "otlp_spans_export_errors_total", error_type="queue_full") +
                         sum_of(counts, "otlp_spans_export_errors_total", error_type="shutdown"))

    def test_every_framing_of_an_answer_is_read(self):
        body = otlp_collector.partial_success(0, "a word")
        chunked = otlp_collector.answer(200, Content_Length=None, Transfer_Encoding="chunked")
        halves = [b"%x;ext=1\r\n" % len(part) + part + b"\r\n" for part in (body[:3], body[3:])]
        whole = otlp_collector.answer(200, body)
        for name, said in (("chunked", Reply([chunked, *halves, b"0\r\nTrailer: x\r\n\r\n"])),
                           ("byte by byte", Reply([bytes([byte]) for byte in whole])),
                           ("after 100 Continue", Reply([b"HTTP/1.1 100 Continue\r\n\r\n" + whole])),
                           ("until the end", Reply([otlp_collector.answer(200, Content_Length=None) + body], True)),
                           ("HTTP/1.0", Reply([b"HTTP/1.0 200 OK\r\nContent-Type: APPLICATION/x-protobuf; v=1\r\n\r\n" + body], True)),
                           ("no content", Reply([b"HTTP/1.1 204 No Content\r\n\r\n"])),
                           ("not closed as said", Reply([otlp_collector.answer(200, Connection="close")]))):
            with self.subTest(name):
                counts, done, collector, sent = self.exported(lambda request, said=said: said, seconds="0.4")
                self.assertEqual((done, errors_of(counts)), ({"success": sent, "failure": 0}, {}))
                self.assertEqual(len(set(collector.bodies())), len(collector.requests))

    def test_what_is_no_answer_is_an_error_and_harms_nobody(self):
        head = otlp_collector.answer(200, Content_Length=100)
        chunked = otlp_collector.answer(200, Content_Length=None, Transfer_Encoding="chunked")
        for name, said, error, again in (
                ("hangs", None, "timeout", True),
                ("hangs amid the head", Reply([head[:30]]), "timeout", True),
                ("hangs amid the body", Reply([head + b"x"]), "timeout", True),
                ("interim answers for ever", Reply(itertools.repeat(INTERIM), pause_s=0), "timeout", True),
                ("a byte at a time for ever", Reply(itertools.chain([chunked], itertools.repeat(b"1\r\nx\r\n"))), "timeout", True),
                ("closes at once", Reply([b""], True), "connection_closed", True),
                ("closes amid the head", Reply([head[:30]], True), "connection_closed", True),
                ("closes amid the body", Reply([head + b"x"], True), "connection_closed", True),
                ("closes amid a chunk", Reply([chunked + b"5\r\nab"], True), "connection_closed", True),
                ("garbage", Reply([b"\x00\xff no such thing\r\n\r\n"], True), "bad_reply", True),
                ("another protocol", Reply([b"SSH-2.0-OpenSSH_9.2\r\n"], True), "bad_reply", True),
                ("a coding nobody knows", Reply([otlp_collector.answer(200, Transfer_Encoding="rot13")], True), "bad_reply", True),
                ("a chunk's size that does not end", Reply([chunked + b"1;" + b"x" * MEBIBYTE], True), "bad_reply", False),
                ("a head that does not end", Reply([b"HTTP/1.1 200 OK\r\nX: " + b"x" * MEBIBYTE], True), "bad_reply", False),
                ("a body beyond the limit", Reply([otlp_collector.answer(200, Content_Length=5 * MEBIBYTE)], True), "bad_reply", False),
                ("a page of a portal", reply(200, b"<html>Log in</html>", Content_Type="text/html"), "bad_reply", False),
                ("a body that is no message", reply(200, b"\x0a\xff\xff"), "bad_reply", False)):
            with self.subTest(name):
                # A reply that waits for an end must not wait long; the others must be read however long they take.
                patience_ms = 300 if error == "timeout" else 10_000
                counts, done, collector, sent = self.exported(lambda request, said=said: said, seconds="0.5",
                                                              OTEL_EXPORTER_OTLP_TIMEOUT=str(patience_ms))
                times = collections.Counter(collector.bodies())
                self.assertEqual(max(times.values()) > 1, again)
                self.assertEqual(done, {"success": 0, "failure": sent})
                self.assertEqual(errors_of(counts),
                                 {error: sum(n * len(otlp_collector.spans_of(body)) for body, n in times.items())})

    def test_nobody_listens_or_nobody_of_that_name_is_there(self):
        for host, error in (("127.0.0.1", "connection_refused"), ("nobody.invalid", "name_resolution_error")):
            with self.subTest(host), scratch.folder() as folder:
                code, output = run(folder, "--workers", "1", "--for", "0.5", "--endpoint", f"http://{host}:{live_agent.free_port()}")
                self.assertEqual(code, 0, output)
                self.assertEqual(set(errors_of(counted(folder))) - {"timeout"}, {error})

    def test_the_environment_names_the_collector(self):
        for variables, target in (({"OTEL_EXPORTER_OTLP_ENDPOINT": "/"}, "/v1/traces"),
                                  ({"OTEL_EXPORTER_OTLP_ENDPOINT": "/base"}, "/base/v1/traces"),
                                  ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "/as/it/is", "OTEL_EXPORTER_OTLP_ENDPOINT": "/no"}, "/as/it/is"),
                                  ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ""}, "/")):
            with self.subTest(variables=variables), scratch.folder() as folder:
                collector = self.collector(lambda request: reply(200))
                code, output = run(folder, "--workers", "1", "--for", "0.3", **{
                    name: f"http://localhost:{collector.port}{path}" for name, path in variables.items()})
                self.assertEqual(code, 0, output)
                self.assertEqual({request.target for request in collector.requests}, {target})

    def test_what_it_cannot_export_to_is_wrong_usage(self):
        for variable, value, words in (("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318", "https is not supported"),
                                       ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318", "does not begin with http://"),
                                       ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "only http/protobuf"),
                                       ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon", "it takes milliseconds")):
            with self.subTest(variable), scratch.folder() as folder:
                code, output = run(folder, "--for", "0.1", **{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: value})
                self.assertEqual(code, 2)
                self.assertIn(f'{variable} cannot be "{value}": ', output)
                self.assertIn(words, output)
        code, output = run("/nonexistent", "--endpoint", "ftp://x")
        self.assertEqual(code, 2)
        self.assertIn('--endpoint cannot be "ftp://x"', output)


if __name__ == "__main__":
    sys.exit(unittest.main())
