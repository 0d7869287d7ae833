#!/usr/bin/python3
"""Holds the pages of exposition_page against judges that are not ours.

usage: exposition_judges.py EXPOSITION_PAGE openmetrics|text|protobuf|gzip
"""
import gzip
import importlib
import math
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "system"))

import protobuf_page  # noqa: E402  (found through the line above)
from protobuf_page import exemplar_of  # noqa: E402

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
TEXT = "text/plain;version=0.0.4"
PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)
REPLACED = "\N{REPLACEMENT CHARACTER}"
EXEMPLAR_LABELS = {"trace_id": "ab" * 16, "span_id": "0c" * 8}


def page(program, accept, accept_encoding="identity"):
    """(content type, content encoding, body) of the page."""
    out = subprocess.run([program, accept, accept_encoding], stdout=subprocess.PIPE, check=True)
    content_type, encoding, body = out.stdout.split(b"\n", 2)
    return content_type.decode(), encoding.decode(), body


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def need(what, found, package):
    if not found:
        sys.exit(f"{what} is missing: install the Debian package {package}")


def judge_openmetrics(program):
    try:
        parser = importlib.import_module("prometheus_client.openmetrics.parser")
    except ImportError:
        parser = None
    need("prometheus_client for /usr/bin/python3", parser, "python3-prometheus-client")
    text = page(program, OPENMETRICS)[2].decode("utf-8")
    families = {f.name: f for f in parser.text_string_to_metric_families(text)}

    expect("families", sorted(families), sorted([
        "page_build_info", "page_idle_seconds", "page_inflight", "page_latency_seconds",
        "page_level", "page_native_both", "page_native_seconds", "page_odd", "page_offset",
        "page_spans", "page_untyped"]))
    expect("types", {n: families[n].type for n in ("page_spans", "page_odd", "page_untyped")},
           {"page_spans": "counter", "page_odd": "unknown", "page_untyped": "unknown"})
    expect("units", {n: f.unit for n, f in families.items() if f.unit},
           {"page_idle_seconds": "seconds", "page_latency_seconds": "seconds"})
    expect("help", families["page_spans"].documentation, f'Spans "made"\nin a\\b, {REPLACED}.')

    spans = families["page_spans"].samples
    expect("span labels", [s.labels for s in spans],
           [{"service": 'a\\b "c"\nd', "kind": "\xe9" + REPLACED}, {"service": "plain"}])
    expect("span values", [s.value for s in spans], [41, 9007199254740993])
    exemplar = spans[0].exemplar
    expect("exemplar", (exemplar.labels, exemplar.value, float(exemplar.timestamp)),
           (EXEMPLAR_LABELS, 1, 1700000000.25))

    latency = [s for s in families["page_latency_seconds"].samples if s.labels["route"] == "/"]
    expect("buckets", [(s.labels.get("le"), s.value) for s in latency],
           [("0.005", 1), ("0.25", 3), ("1.0", 3), ("1e+06", 7), ("+Inf", 15), (None, 12.75),
            (None, 15)])
    expect("bucket exemplars", [s.exemplar.value if s.exemplar else None for s in latency],
           [None, 0.2, None, None, 2e6, None, None])
    expect("sums beside negative bounds",
           [s.name for f in ("page_offset", "page_native_both") for s in families[f].samples
            if not s.name.endswith("_bucket")], [])


def judge_text(program):
    promtool = shutil.which("promtool")
    need("promtool", promtool, "prometheus")
    text = page(program, TEXT)[2]
    # Its lint has views on names; page_odd breaks one by intent.
    lines = text.decode("utf-8").splitlines(keepends=True)
    linted = "".join(line for line in lines if "page_odd" not in line).encode()
    for body, code in ((linted, 0), (text, 3), (text.replace(b"} 41", b"} 4x"), 1)):
        run = subprocess.run([promtool, "check", "metrics"], input=body, stderr=subprocess.STDOUT,
                             stdout=subprocess.PIPE, check=False)
        expect(f"promtool, which said {run.stdout.decode()!r}", run.returncode, code)
    expect("_created", b"_created" in text, False)


def counts(spans, deltas):
    """{index: count} of one side."""
    result, index, count, deltas = {}, 0, 0, list(deltas)
    for span in spans:
        index += span.offset
        for _ in range(span.length):
            count += deltas.pop(0)
            if count:
                result[index] = count
            index += 1
    expect("deltas left", deltas, [])
    return result


def check_protobuf_histograms(families):
    traced = (EXEMPLAR_LABELS, 0.2, 1700000000, 250000000)
    latency = families["page_latency_seconds"].metric[0].histogram
    expect("classic", [(b.cumulative_count, b.upper_bound) for b in latency.bucket],
           [(1, 0.005), (3, 0.25), (3, 1), (7, 1e6), (15, math.inf)])
    expect("classic count, sum", (latency.sample_count, latency.sample_sum), (15, 12.75))
    expect("classic exemplar", exemplar_of(latency.bucket[1].exemplar), traced)
    expect("classic is not native", latency.HasField("zero_threshold"), False)

    native, empty = (m.histogram for m in families["page_native_seconds"].metric)
    expect("native", (native.schema, native.zero_threshold, native.zero_count,
                      native.sample_count, native.sample_sum), (3, 2.0**-128, 2, 16, 45.5))
    expect("native buckets", counts(native.positive_span, native.positive_delta),
           {-2: 3, -1: 1, 1: 4, 8: 5, 40: 1})
    expect("native exemplars", [exemplar_of(e)[1:] for e in native.exemplars],
           [(31, 1700000000, 241000000), (1.9, 1700000000, 250000000)])
    expect("of the classic buckets the newest's alone",
           [(b.upper_bound, *exemplar_of(b.exemplar)[1:]) for b in native.bucket if b.HasField("exemplar")],
           [(2, 1.9, 1700000000, 250000000)])
    expect("native as classic", [(b.cumulative_count, b.upper_bound) for b in native.bucket][:4],
           [(2, 2.0**-128), (2, 0.5), (6, 1), (15, 2)])
    expect("empty native", (empty.sample_count, empty.zero_threshold), (0, 2.0**-128))
    both = families["page_native_both"].metric[0].histogram
    expect("both sides", (counts(both.negative_span, both.negative_delta),
                          counts(both.positive_span, both.positive_delta)),
           ({0: 2, 3: 1}, {0: 4}))


def judge_protobuf(program):
    families = protobuf_page.families(page(program, PROTOBUF)[2])
    expect("types", {n: f.type for n, f in families.items()}, {
        "page_build_info": 1, "page_idle_seconds_total": 0, "page_inflight": 1,
        "page_latency_seconds": 4, "page_level": 1, "page_native_both": 4,
        "page_native_seconds": 4, "page_odd": 0, "page_offset": 4, "page_spans_total": 0,
        "page_untyped": 3})
    expect("units", {n: f.unit for n, f in families.items() if f.unit},
           {"page_idle_seconds_total": "seconds", "page_latency_seconds": "seconds"})
    spans = families["page_spans_total"]
    expect("help", spans.help, f'Spans "made"\nin a\\b, {REPLACED}.')
    expect("labels", [(p.name, p.value) for p in spans.metric[0].label],
           [("service", 'a\\b "c"\nd'), ("kind", "\xe9" + REPLACED)])
    expect("counter", [m.counter.value for m in spans.metric], [41, 9007199254740992.0])
    expect("counter exemplar", exemplar_of(spans.metric[0].counter.exemplar),
           (EXEMPLAR_LABELS, 1, 1700000000, 250000000))
    expect("float counter", [m.counter.value for m in families["page_idle_seconds_total"].metric],
           [0.1 + 0.2])
    level = [m.gauge.value for m in families["page_level"].metric]
    expect("gauges", level[:3], [0, -2.5, math.inf])
    expect("the gauge that is NaN", (len(level), math.isnan(level[3])), (4, True))
    expect("up-down counter", families["page_inflight"].metric[0].gauge.value, -4)
    created = [(m.counter.created_timestamp.seconds, m.counter.HasField("created_timestamp")) for m in spans.metric]
    expect("created", created, [(1700000000, True), (0, False)])
    for name in ("page_latency_seconds", "page_native_seconds"):
        expect(f"{name} created", families[name].metric[0].histogram.created_timestamp.seconds, 1700000001)
    expect("unknown", families["page_untyped"].metric[0].untyped.value, 2.5)
    check_protobuf_histograms(families)


def judge_gzip(program):
    plain = page(program, TEXT)[2]
    content_type, encoding, packed = page(program, TEXT, "gzip")
    expect("headers", (content_type, encoding), ("text/plain; version=0.0.4; charset=utf-8", "gzip"))
    expect("unpacked", gzip.decompress(packed), plain)


if __name__ == "__main__":
    judges = {"openmetrics": judge_openmetrics, "text": judge_text, "protobuf": judge_protobuf,
              "gzip": judge_gzip}
    judges[sys.argv[2]](sys.argv[1])
    print(f"{sys.argv[2]}: accepted")
