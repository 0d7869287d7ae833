#!/usr/bin/python3
"""A real Prometheus scrapes the pages of exposition_page in every format; its query API says what it
understood.

usage: exposition_prometheus.py EXPOSITION_PAGE with-native|without-native

One job per format, whatever Prometheus asks for, and `negotiated`, which gets what its own Accept and
Accept-Encoding headers ask for. Without native histograms it refuses protobuf, so that job is left out.
"""
import collections
import http.server
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "system"))

import live_agent  # noqa: E402  (found through the line above)
import live_prometheus  # noqa: E402  (found through the line above)

PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
ACCEPTS = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
    "protobuf": PROTOBUF,
}


def jobs_of(native):
    formats = ("text", "openmetrics", "protobuf") if native else ("text", "openmetrics")
    return (*formats, "negotiated")


def rendered(program, accept, accept_encoding, later_ms):
    """(content type, content encoding, body)."""
    out = subprocess.run([program, accept, accept_encoding, str(later_ms)], stdout=subprocess.PIPE, check=True)
    content_type, encoding, body = out.stdout.split(b"\n", 2)
    return content_type.decode(), encoding.decode(), body


class Pages(http.server.ThreadingHTTPServer):
    """Serves /text, /openmetrics, /protobuf and /negotiated; every other page with exemplars made anew."""

    def __init__(self, program):
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.program = program
        self.negotiated_types = set()
        self.served = collections.Counter()


class PageHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.strip("/")
        if kind == "negotiated":
            asked = (self.headers.get("Accept", ""), self.headers.get("Accept-Encoding", ""))
        else:
            asked = (ACCEPTS[kind], "identity")
        later_ms = self.server.served[kind] // 2
        self.server.served[kind] += 1
        content_type, encoding, body = rendered(self.server.program, *asked, later_ms)
        if kind == "negotiated":
            self.server.negotiated_types.add(f"{content_type} {encoding}")
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Judge:
    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.faults = []

    def expect(self, query, wanted):
        got = self.prometheus.value(query)
        if got is None or not math.isclose(got, wanted, rel_tol=1e-9):
            self.faults.append(f"{query}: got {got}, wanted {wanted}")


def check_scalars(judge, job):
    service = r'service="a\\b \"c\"\nd"'
    # PromQL takes no literal U+FFFD, so a dot stands for it.
    judge.expect(f'page_spans_total{{job="{job}",{service},kind=~"\u00e9."}}', 41)
    judge.expect(f'page_idle_seconds_total{{job="{job}",state=""}}', 0.1 + 0.2)
    judge.expect(f'count(page_idle_seconds_total{{job="{job}"}})', 1)
    judge.expect(f'page_odd{{job="{job}"}}', 3)
    judge.expect(f'page_untyped{{job="{job}"}}', 2.5)
    judge.expect(f'page_inflight{{job="{job}"}}', -4)
    judge.expect(f'page_level{{job="{job}",i="negative"}}', -2.5)
    judge.expect(f'count(page_level{{job="{job}"}})', 4)
    judge.expect(f'page_build_info{{job="{job}",version="1"}}', 1)


def bound(number, job):
    """A matcher of the bucket's bound. Since 3.0 Prometheus stores 1 as 1.0, from whatever format."""
    if job == "text":
        return f'le=~"{number}([.]0)?"'
    return f'le="{number}.0"'


def check_classic(judge, job):
    judge.expect(f'page_latency_seconds_bucket{{job="{job}",route="/",{bound(1, job)}}}', 3)
    judge.expect(f'page_latency_seconds_bucket{{job="{job}",route="/",le="+Inf"}}', 15)
    judge.expect(f'page_latency_seconds_count{{job="{job}",route="/"}}', 15)
    judge.expect(f'page_latency_seconds_sum{{job="{job}",route="/"}}', 12.75)
    judge.expect(f'page_latency_seconds_count{{job="{job}",route="/none"}}', 0)
    judge.expect(f'page_offset_bucket{{job="{job}",le="+Inf"}}', 10)


def check_native(judge, job):
    selected = f'page_native_seconds{{job="{job}",route="/"}}'
    judge.expect(f"histogram_count({selected})", 16)
    judge.expect(f"histogram_sum({selected})", 45.5)
    judge.expect(f"histogram_fraction(0, 1, {selected})", 6 / 16)
    # All that lies in (1, 2]: the buckets 1 and 8.
    judge.expect(f"histogram_fraction(1, 2, {selected})", 9 / 16)
    judge.expect(f"histogram_fraction(16, 32, {selected})", 1 / 16)
    judge.expect(f'histogram_count(page_native_seconds{{job="{job}",route="/none"}})', 0)
    judge.expect(f'histogram_count(page_native_both{{job="{job}"}})', 7)
    judge.expect(f'histogram_fraction(-8, -4, page_native_both{{job="{job}"}})', 1 / 7)


def check_derived(judge, job):
    judge.expect(f'page_native_seconds_bucket{{job="{job}",route="/",le="0.5"}}', 2)
    judge.expect(f'page_native_seconds_bucket{{job="{job}",route="/",{bound(2, job)}}}', 15)
    judge.expect(f'page_native_seconds_count{{job="{job}",route="/"}}', 16)
    judge.expect(f'page_native_seconds_count{{job="{job}",route="/none"}}', 0)
    judge.expect(f'page_native_both_bucket{{job="{job}",le="+Inf"}}', 7)


def check_exemplars(judge, prometheus, job, series):
    now = time.time()
    found = prometheus.get("query_exemplars", query=f'{series}{{job="{job}"}}', start=0, end=now)
    traces = {e["labels"].get("trace_id") for s in found for e in s["exemplars"]}
    if traces != {"ab" * 16}:
        judge.faults.append(f"exemplars of {series} by {job}: {found}")


def check_none_was_refused(judge, prometheus):
    """Whatever was served again, beside others of its series, or anew was taken."""
    figures = prometheus.own_figures()
    for name in ("prometheus_target_scrapes_exemplar_out_of_order_total",
                 "prometheus_tsdb_exemplar_out_of_order_exemplars_total"):
        if figures.get(name) != 0:
            judge.faults.append(f"{name} is {figures.get(name)}")


def check_all(prometheus, pages, native):
    judge = Judge(prometheus)
    for job in jobs_of(native):
        check_scalars(judge, job)
        check_classic(judge, job)
        in_protobuf = job == "protobuf" or (job == "negotiated" and native)
        (check_native if native and in_protobuf else check_derived)(judge, job)
        if job != "text":
            check_exemplars(judge, prometheus, job, "page_latency_seconds_bucket")
            check_exemplars(judge, prometheus, job, "page_spans_total")
            check_exemplars(judge, prometheus, job,
                            "page_native_seconds" + ("" if native and in_protobuf else "_bucket"))
    check_none_was_refused(judge, prometheus)
    wanted = {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
              "encoding=delimited gzip" if native else
              "application/openmetrics-text; version=1.0.0; charset=utf-8 gzip"}
    # Since 3.0 Prometheus also asks how names are escaped, and is told.
    if {re.sub("; escaping=[a-z0-9-]+", "", told) for told in pages.negotiated_types} != wanted:
        judge.faults.append(f"negotiated {pages.negotiated_types}, wanted {wanted}")
    return judge.faults


def main(program, mode):
    native = mode == "with-native"
    pages = Pages(program)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    target = f"127.0.0.1:{pages.server_address[1]}"
    jobs = {kind: f"/{kind}" for kind in jobs_of(native)}
    with tempfile.TemporaryDirectory() as folder, \
            live_prometheus.Prometheus(folder, target, jobs, native) as prometheus:
        prometheus.wait_for_scrapes()
        # The same exemplars twice, and then newer ones.
        live_agent.until(live_prometheus.DEADLINE_S, "four pages of each kind",
                         lambda: all(pages.served[kind] >= 4 for kind in jobs))
        faults = check_all(prometheus, pages, native)
    pages.shutdown()
    if faults:
        sys.exit("\n".join(faults))
    print(f"{mode}: Prometheus understood every page")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
