#!/usr/bin/python3
"""The worked example of shm/FORMAT.md is what the writer writes: the program's segment, byte by byte, beside the names that the
document's tables give the fields. Called by: ctest, as format_example_test.py PROGRAM; --print after it prints the example.

Fields that differ from process to process are shown as `..`, words that are zero are left out.
"""

import os
import re
import resource
import struct
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "..", "system")]

import scratch  # noqa: E402  (found through the line above)
import segment_reader  # noqa: E402

PROGRAM = sys.argv.pop(1)
DOCUMENT = os.path.join(HERE, "../../shm/FORMAT.md")
HEADING = "## A segment, byte by byte"

# Of the process, not of the format.
VARYING = {"boot_id", "pid", "uid", "start_time_ticks", "pid_namespace", "created_unix_ns", "segment_id", "lineage_key",
           "executable"}
WIDTHS = {"B": 1, "b": 1, "H": 2, "I": 4, "i": 4, "Q": 8, "d": 8}
RECORD = [("bytes", "I"), ("kind", "H"), ("reserved", "H")]
RECORDS = {
    1: ("StringRecord", [("length", "I"), ("reserved", "I")]),
    2: ("BoundsRecord", [("count", "I"), ("reserved", "I")]),
    3: ("FamilyRecord", [("family", "I"), ("type", "B"), ("number", "B"), ("gauge_mode", "B"), ("schema", "b"), ("name", "I"),
                         ("help", "I"), ("unit", "I"), ("bounds", "I"), ("label_count", "I"), ("quiet_labels", "I"),
                         ("zero_threshold", "d")]),
    4: ("SeriesRecord", [("series", "I"), ("family", "I"), ("first_cell", "I"), ("cell_count", "I"), ("flags", "I"),
                         ("label_count", "I")]),
}
CELLS = {8: "requests_total{code=\"200\"}", 9: "wait_seconds, bucket up to 0.1", 10: "wait_seconds, bucket above it",
         11: "wait_seconds, sum"}


def line(offset, data, words, varies=False):
    shown = " ".join(".." if varies else f"{byte:02x}" for byte in data)
    return f"{offset:07x}  {shown:<47}  {words}"


def lines_of_header(data):
    for name, (offset, code) in sorted(segment_reader.HEADER.items(), key=lambda item: item[1]):
        part = data[offset:offset + struct.calcsize(code)]
        varies = name in VARYING
        if name in ("service", "executable"):
            part = part[:8] if varies else part.rstrip(b"\0") + b"\0"
        if name in ("drops", "column_bitmap"):
            part = part[:8]  # the others are zero, as the test has seen
        if name == "boot_id" or not varies and not any(part):
            continue
        value = "" if varies else part.rstrip(b"\0").decode() if code.endswith("s") else int.from_bytes(part, "little")
        if name == "byte_order":
            value = f"{value:#010x}"
        yield line(offset, part, f"{name} {value}".rstrip(), varies)


def fields_of(data, offset, fields):
    """A line for each eight bytes, with what its fields are."""
    at, begun, words = offset, offset, []
    for name, code in fields:
        (value,) = struct.unpack_from("<" + code, data, at)
        words.append(f"{name} {value:g}" if code == "d" else f"{name} {value}")
        at += WIDTHS[code]
        if at - begun == 8:
            yield line(begun, data[begun:at], ", ".join(words))
            begun, words = at, []


def lines_of_tail(kind, counted, data, begin, end):
    """What follows a record's fields: a text, bounds, or offsets of names and values."""
    if kind == segment_reader.STRING:
        for at in range(begin, end, 16):
            yield line(at, data[at:min(at + 16, end)], '"' + data[at:begin + counted][:16].decode() + '"')
    elif kind == segment_reader.BOUNDS:
        for at in range(begin, end, 8):
            yield line(at, data[at:at + 8], f"{struct.unpack_from('<d', data, at)[0]:g}")
    elif counted:
        yield line(begin, data[begin:end], "labels: " + ", ".join(map(str, struct.unpack_from(f"<{counted}I", data, begin))))


def lines_of_catalogue(data, base, used):
    at = base
    while at < base + used:
        size, kind, _ = struct.unpack_from("<IHH", data, at)
        name, fields = RECORDS.get(kind, ("a record of kind 0: nothing is at offset 0", []))
        yield f"         {name}, at {at - base} of the catalogue"
        yield from fields_of(data, at, RECORD + fields)
        body = at + 8 + sum(WIDTHS[code] for _, code in fields)
        counted = {1: "length", 2: "count", 3: "label_count", 4: "label_count"}.get(kind)
        place = next((sum(WIDTHS[code] for _, code in fields[:i]) for i, (field, _) in enumerate(fields) if field == counted), 0)
        count = struct.unpack_from("<I", data, at + 8 + place)[0] if counted else 0
        yield from lines_of_tail(kind, count, data, body, at + size)
        at += size


def lines_of_cells(data, base):
    for cell, name in CELLS.items():
        at = base + 8 * cell
        is_float = name.endswith("sum")
        (value,) = struct.unpack_from("<d" if is_float else "<Q", data, at)
        yield line(at, data[at:at + 8], f"cell {cell}: {name}: {value:g}")


def example_of(path):
    with open(path, "rb") as file:
        data = file.read()
    field = {name: struct.unpack_from("<" + code, data, offset) for name, (offset, code) in segment_reader.HEADER.items()}
    (used,), (catalogue,), (values,) = field["catalogue_used"], field["catalogue_offset"], field["values_offset"]
    assert not any(field["drops"]) and not any(field["column_bitmap"][1:])
    return ["         SegmentHeader", *lines_of_header(data), "         catalogue", *lines_of_catalogue(data, catalogue, used),
            "         column 0", *lines_of_cells(data, values)]


def written_example():
    """Without restartable sequences there is one column, however many processors this machine has."""
    with scratch.folder() as folder:
        environment = {"NOTCH_DIR": folder, "NOTCH_SERVICE": "shop", "GLIBC_TUNABLES": "glibc.pthread.rseq=0"}
        subprocess.run([PROGRAM], check=True, env=environment)
        (name,) = os.listdir(folder)
        segment_reader.Segment(os.path.join(folder, name)).reading()
        return example_of(os.path.join(folder, name))


class Example(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if sys.byteorder != "little":
            self.skipTest("the document shows a little-endian machine's bytes")
        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            self.skipTest("under a limit of address space a segment is smaller")

    def test_the_document_shows_what_the_writer_writes(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            section = file.read().split(HEADING + "\n")[1]
        shown = re.search(r"^```\n( +SegmentHeader\n.*?)^```", section, re.M | re.S).group(1)
        self.assertEqual(shown.splitlines(), written_example())

    def test_the_document_shows_the_program(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            shown = re.search(r"^```cpp\n(.*?)^```", file.read().split(HEADING + "\n")[1], re.M | re.S).group(1)
        with open(os.path.join(HERE, "format_example.cc"), encoding="utf-8") as file:
            self.assertIn("".join(f"  {line}\n" for line in shown.splitlines()), file.read())


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        print("\n".join(written_example()))
        sys.exit(0)
    sys.exit(unittest.main())
