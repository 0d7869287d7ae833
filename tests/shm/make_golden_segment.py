#!/usr/bin/python3
"""Writes the golden segment, byte by byte from shm/FORMAT.md: one of everything the format knows.

usage: make_golden_segment.py FILE

The bytes are always the same; golden_segment_test.py compares them with the committed file. The parts stand close
together and the columns are no multiple of a page apart: nothing in the format asks for that. Column 1 has counts
but no bit, and the last series lies past cells_committed: neither may be seen.
"""
import struct
import sys

HEADER_BYTES, RING_OFFSET, SLOT_BYTES, SLOTS = 4096, 4096, 64, 64
CATALOGUE_OFFSET, CATALOGUE_CAPACITY = 8192, 4096
VALUES_OFFSET, COLUMN_STRIDE, COLUMNS, CELLS, CELLS_COMMITTED = 12288, 1832, 3, 228, 220
FILE_BYTES = VALUES_OFFSET + COLUMNS * COLUMN_STRIDE
USED_COLUMNS = (0, 2)
STRING, BOUNDS, FAMILY, SERIES, CHUNK, UNKNOWN = 1, 2, 3, 4, 5, 77
COUNTER, UP_DOWN, GAUGE, HISTOGRAM, NATIVE = 1, 2, 3, 4, 5
UNSIGNED, FLOAT, SIGNED = 1, 2, 3
SUM, MIN, MAX, LAST, EACH = 1, 2, 3, 4, 5
COMPLEMENT = (1 << 64) - 1


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


class Golden:
    def __init__(self):
        self.file = bytearray(FILE_BYTES)
        self.used = 0
        self.families = self.series = 0
        self.next_cell = 8

    # The catalogue.

    def record(self, kind, body):
        at = self.used
        body += bytes(-len(body) % 8)
        start = CATALOGUE_OFFSET + at
        self.file[start:start + 8 + len(body)] = struct.pack("<IHH", 8 + len(body), kind, 0) + body
        self.used += 8 + len(body)
        return at

    def string(self, text):
        text = text.encode()
        return self.record(STRING, struct.pack("<II", len(text), 0) + text) if text else 0

    def bounds(self, *bounds):
        return self.record(BOUNDS, struct.pack(f"<II{len(bounds)}d", len(bounds), 0, *bounds))

    def family(self, kind, number, name, help_text="", unit="", labels=(), mode=0, schema=0, bounds=0, zero=0.0):
        names = [self.string(label) for label in labels]
        texts = [self.string(text) for text in (name, help_text, unit)]
        self.record(FAMILY, struct.pack(f"<IBBBbIIIIIId{len(names)}I", self.families, kind, number, mode, schema,
                                        *texts, bounds, len(names), 0, zero, *names))
        self.families += 1
        return self.families - 1

    def new_series(self, family, cells, labels=(), overflow=False):
        """Its first cell; its id is self.series - 1."""
        first, self.next_cell = self.next_cell, self.next_cell + cells
        values = [self.string(label) for label in labels]
        self.record(SERIES, struct.pack(f"<6I{len(values)}I", self.series, family, first, cells, int(overflow),
                                        len(values), *values))
        self.series += 1
        return first

    def chunk(self, series, chunk, negative=False):
        first, self.next_cell = self.next_cell, self.next_cell + 32
        self.record(CHUNK, struct.pack("<IiII", series, chunk, int(negative), first))
        return first

    # The cells.

    def put(self, column, cell, word):
        struct.pack_into("<Q", self.file, VALUES_OFFSET + column * COLUMN_STRIDE + 8 * cell, word % (1 << 64))

    def count(self, cell, *of_columns):
        """Integers for columns 0 and 2, and what nobody may see in column 1."""
        for column, value in zip(USED_COLUMNS, of_columns):
            self.put(column, cell, value)
        self.put(1, cell, 1000000007)

    def add(self, cell, *of_columns):
        self.count(cell, *map(bits, of_columns))

    def set(self, cell, value):
        self.put(0, cell, bits(value) ^ COMPLEMENT)

    def exemplar(self, slot, sequence, cell, value, when, trace=bytes(16), span=bytes(8)):
        struct.pack_into("<QIIdQ16s8sQ", self.file, RING_OFFSET + slot * SLOT_BYTES, sequence, cell, 0, value, when,
                         trace, span, 0)

    # The header.

    def header(self):
        struct.pack_into("<8sHHIIIQQQQQQIIQQQII16sIIQQQ16s16s", self.file, 0, b"NOTCHSEG", 1, 1, 0x01020304, HEADER_BYTES,
                         2, FILE_BYTES, CATALOGUE_OFFSET, CATALOGUE_CAPACITY, self.used, VALUES_OFFSET, COLUMN_STRIDE,
                         COLUMNS, 1, CELLS, CELLS_COMMITTED, RING_OFFSET, SLOTS, SLOT_BYTES, bytes(range(16, 32)),
                         4711, 0, 123456789012, 4026531836, 1700000000123456789, bytes(range(0xA0, 0xB0)),
                         bytes(range(0xC0, 0xD0)))
        struct.pack_into("<Q", self.file, 200, 66)  # the ring went round: slot 2 is the oldest
        struct.pack_into("<12Q", self.file, 208, 0, *range(101, 112))
        struct.pack_into("<Q", self.file, 464, sum(1 << column for column in USED_COLUMNS))
        struct.pack_into("<128s256s", self.file, 592, "golden-café".encode(), b"/usr/bin/golden")


def put_counters(golden):
    requests = dict(kind=COUNTER, number=UNSIGNED, name="golden_requests_total", labels=("method", "path"),
                    help_text="Requests \"served\",\nby path \\ method.")
    family = golden.family(**requests)
    first = golden.new_series(family, 1, ("GET", "/a \"b\"\\c\nd"))
    golden.count(first, 40, 2)
    golden.count(golden.new_series(family, 1, ("", "/caf\u00e9/\U0001f600")), (1 << 63) + 1, (1 << 62))
    golden.count(golden.new_series(family, 1, overflow=True), 0, 5)
    again = golden.family(**requests)  # as a child forked in the middle of a registration leaves it
    golden.count(golden.new_series(again, 1, ("GET", "/a \"b\"\\c\nd")), 100, 0)
    golden.exemplar(1, 132, first, 1.0, 1700000003000000000, bytes(range(1, 17)), bytes(range(1, 9)))
    golden.exemplar(2, 6, first, 2.0, 1700000001000000000)
    golden.exemplar(3, 7, first, 3.0, 1700000002000000000)  # being written
    golden.exemplar(4, 8, 3, 4.0, 1700000002000000000)  # of no series

    spent = golden.family(COUNTER, FLOAT, "golden_spent_seconds_total", "Time spent.", "seconds")
    golden.add(golden.new_series(spent, 1), 0.1, 0.2)
    queued = golden.family(UP_DOWN, SIGNED, "golden_queued", "In the queue.")
    golden.count(golden.new_series(queued, 1), 3, -10)


def put_gauges(golden):
    for mode, name, value in ((SUM, "added", 2.5), (MIN, "least", -3.25), (MAX, "most", 1e300), (EACH, "each", 0.0)):
        family = golden.family(GAUGE, FLOAT, f"golden_{name}", labels=("of",), mode=mode)
        golden.set(golden.new_series(family, 1, ("set",)), value)
        golden.new_series(family, 1, ("never",))
        golden.set(golden.new_series(family, 1, ("set",)), value / 2)  # doubled
    last = golden.family(GAUGE, FLOAT, "golden_last", mode=LAST)
    for value, when in ((7.0, 2000), (8.0, 1000)):  # doubled, the first set later
        first = golden.new_series(last, 2)
        golden.set(first, value)
        golden.put(0, first + 1, when)


def put_histograms(golden):
    family = golden.family(HISTOGRAM, UNSIGNED, "golden_wait_seconds", "Waiting.", "seconds",
                           bounds=golden.bounds(-1.0, 0.1, 2.5))
    first = golden.new_series(family, 5)
    for bucket, counts in enumerate(((1, 0), (0, 2), (3, 4), (0, 5))):
        golden.count(first + bucket, *counts)
    golden.add(first + 4, 20.125, 1e-9)
    golden.exemplar(63, 128, first + 3, 9.75, 1700000002500000000)

    family = golden.family(NATIVE, UNSIGNED, "golden_size_bytes", "Sizes.", "bytes", ("kind",), schema=3,
                           zero=2.0 ** -128)
    first = golden.new_series(family, 2, ("x",))
    series = golden.series - 1
    golden.count(first, 6, 1)
    golden.add(first + 1, -12.5, 0.375)
    golden.count(golden.chunk(series, 0) + 31, 2, 3)  # bucket 31
    golden.count(golden.chunk(series, -1) + 31, 7, 0)  # bucket -1
    golden.count(golden.chunk(series, 1, negative=True), 0, 4)  # bucket 32 of the negative ones
    golden.count(golden.chunk(series, 0) + 31, 10, 0)  # doubled


def golden_bytes():
    golden = Golden()
    golden.record(0, b"")
    golden.record(UNKNOWN, b"of a later minor")
    golden.count(0, 11, 1)
    golden.add(1, 0.5, 0.25)
    golden.set(2, 99.0)
    put_counters(golden)
    put_gauges(golden)
    put_histograms(golden)
    golden.next_cell = max(golden.next_cell, CELLS_COMMITTED)
    last = golden.family(COUNTER, UNSIGNED, "golden_unborn_total")
    golden.count(golden.new_series(last, 1), 1, 1)
    assert golden.used <= CATALOGUE_CAPACITY and golden.next_cell <= CELLS
    golden.header()
    return bytes(golden.file)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_golden_segment.py FILE")
    with open(sys.argv[1], "wb") as out:
        out.write(golden_bytes())
