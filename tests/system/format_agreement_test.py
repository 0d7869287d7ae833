#!/usr/bin/python3
"""Two readers of one live segment agree: the agent's page and the reader written from shm/FORMAT.md alone.

usage: format_agreement_test.py --notchd PATH --worker PATH

A program with a metric of each type counts in several threads and pauses. Every sample of its families on the page must
then have the value that the second reader finds in the file, and no sample may be missing. The test repeats this after
more adds, and after the program's end, when the page has the numbers of a removed file.
"""
import argparse
import http.client
import math
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

import scratch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shm"))

import segment_reader  # noqa: E402  (found through the line above)

ROUNDS = 3
DEADLINE_S = 20
PREFIX = "agreement_"
SERVICE = "format \"agreement\""
SAMPLE = re.compile(r'^(\w+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def same(text, value):
    """Integers to the last digit, doubles bit by bit; only the sign of a zero the page does not keep."""
    if isinstance(value, float):
        return struct.pack("d", float(text)) == struct.pack("d", value + 0.0)
    return re.fullmatch(r"-?\d+", text) is not None and int(text) == value


def page_samples(page):
    """{(name, labels): text of the value} of the worker's families."""
    samples = {}
    for line in page.split("\n"):
        if not line.startswith(PREFIX):
            continue
        match = SAMPLE.match(line)
        assert match, f"not a sample: {line}"
        labels = {name: re.sub(r"\\.", lambda escape: ESCAPES[escape.group()], value)
                  for name, value in LABEL.findall(match.group(2) or "")}
        if "le" in labels:
            labels["le"] = float(labels["le"])
        key = (match.group(1), frozenset(labels.items()))
        assert key not in samples, f"{key} stands twice"
        samples[key] = match.group(3)
    return samples


def native_edges(family, row):
    """(least le that counts it, count) of every bucket. A negative bucket lies wholly under its edge nearer to zero."""
    width = 2.0 ** -family["schema"]  # of a bucket, in powers of two
    edges = [(2.0 ** (int(n) * width), count) for n, count in row["positive"].items()]
    edges += [(-2.0 ** ((int(n) - 1) * width), count) for n, count in row["negative"].items()]
    return edges + [(family["zero_threshold"], row["zero_count"])]


def histogram_samples(family, row, page_bounds):
    """Cumulative buckets. Bounds of a native histogram are the page's choice; what they count is not."""
    if family["type"] == "native histogram":
        edges, bounds = native_edges(family, row), page_bounds
    else:
        bounds = family["bounds"] + [math.inf]
        edges = list(zip(bounds, row["buckets"]))
    samples = {("_bucket", le): sum(count for edge, count in edges if edge <= le) for le in bounds}
    samples["_count", None] = sum(count for _, count in edges)
    samples["_sum", None] = row["sum"]
    return samples


def expected_samples(reading, page):
    """What the page must say, by the file."""
    samples = {}
    for family in reading["families"]:
        for row in family["series"]:
            labels = {"service": SERVICE, **dict(zip(family["label_names"], row["labels"]))}
            if family["gauge_mode"] == "each":
                labels["pid"] = str(reading["header"]["pid"])
            if row["overflow"]:
                labels["overflow"] = "true"
            labels = {name: value for name, value in labels.items() if value != ""}
            if "sum" not in row:
                if row["value"] is not None:
                    samples[family["name"], frozenset(labels.items())] = row["value"]
                continue
            page_bounds = [dict(key)["le"] for name, key in page if name == family["name"] + "_bucket"
                           and {k: v for k, v in key if k != "le"} == labels]
            for (suffix, le), value in histogram_samples(family, row, page_bounds).items():
                key = {**labels, "le": le} if le is not None else labels
                samples[family["name"] + suffix, frozenset(key.items())] = value
    return samples


def differences(page, expected):
    found = [f"{key} is only on the page" for key in page.keys() - expected.keys()]
    found += [f"{key} is only in the file" for key in expected.keys() - page.keys()]
    for key in page.keys() & expected.keys():
        if not same(page[key], expected[key]):
            found.append(f"{key}: {page[key]} on the page, {expected[key]!r} in the file")
    return found


class Agreement:
    def __init__(self, options, folder):
        self.directory = os.path.join(folder, "segments")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.agent = subprocess.Popen([options.notchd, "--dir", self.directory, "--listen", f"127.0.0.1:{self.port}",
                                       "--sweep-ms", "50"])
        self.until("the agent answers", lambda: self.page() is not None)
        self.worker = subprocess.Popen(
            [options.worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, NOTCH_DIR=self.directory, NOTCH_SERVICE=SERVICE))

    def until(self, what, condition):
        end = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {DEADLINE_S} s")
            time.sleep(0.02)

    def page(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/metrics", headers={"Accept": "text/plain;version=0.0.4"})
            return page_samples(connection.getresponse().read().decode())
        except OSError:
            return None
        finally:
            connection.close()

    def count_a_round(self, number_of_round):
        self.worker.stdin.write("more\n")
        self.worker.stdin.flush()
        answer = self.worker.stdout.readline().strip()
        assert answer == f"round {number_of_round}", f"the worker said {answer!r}"

    def segment(self):
        paths = list(pathlib.Path(self.directory).glob("*.notch"))
        assert len(paths) == 1, f"one segment wanted: {paths}"
        return segment_reader.Segment(paths[0])

    def agree(self, reading):
        """The page's samples, once they are those of the file; the agent may need a sweep to get there."""
        end = time.monotonic() + DEADLINE_S
        while True:
            page = self.page()
            found = differences(page, expected_samples(reading, page))
            if not found:
                return page
            assert time.monotonic() < end, "\n".join(sorted(found)[:20])
            time.sleep(0.02)

    def end(self):
        for process in (self.worker, self.agent):
            process.kill()
            process.wait()


def require_everything(reading):
    """The file holds what this test is about."""
    kinds = {(family["type"], family["number"], family["gauge_mode"]) for family in reading["families"]}
    assert len(kinds) == 10, kinds
    rows = [row for family in reading["families"] for row in family["series"]]
    assert any(row["overflow"] for row in rows)
    assert any(row.get("negative") and row.get("positive") for row in rows)
    if reading["header"]["counting_mode"] != 2:
        assert len(reading["columns"]) > 1, reading["columns"]


def run(agreement):
    segment = None
    for number_of_round in range(1, ROUNDS + 1):
        agreement.count_a_round(number_of_round)
        segment = segment or agreement.segment()
        reading = segment.reading()
        require_everything(reading)
        page = agreement.agree(reading)
        print(f"round {number_of_round}: {len(page)} samples agree, columns {reading['columns']}")
    agreement.worker.stdin.close()
    agreement.worker.wait()
    last = segment.reading()  # still mapped
    assert last["header"]["state"] == 2, last["header"]["state"]
    # What goes up and down ends with its process, but for the last value set.
    last["families"] = [family for family in last["families"] if family["gauge_mode"] == "last"
                        or family["type"] not in ("gauge", "up-down counter")]
    print(f"after the end: {len(agreement.agree(last))} samples agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notchd", required=True)
    parser.add_argument("--worker", required=True)
    options = parser.parse_args()
    folder = scratch.folder()
    agreement = None
    try:
        agreement = Agreement(options, folder.name)
        run(agreement)
    finally:
        if agreement:
            agreement.end()
        folder.cleanup()


if __name__ == "__main__":
    main()
