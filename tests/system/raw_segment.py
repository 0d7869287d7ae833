"""The counts in a segment file, read from its bytes by FORMAT.md: counters, and histograms' buckets
summed. Knows nothing of the project's own code. Called by: otlp_demo_test.
"""

import collections
import struct

RawSegment = collections.namedtuple("RawSegment", "pid state service counts")

STATE_LIVE, STATE_CLOSED = 1, 2
_STRING, _BOUNDS, _FAMILY, _SERIES = 1, 2, 3, 4
_COUNTER, _HISTOGRAM = 1, 4


def _u32(data, offset):
    return struct.unpack_from("<I", data, offset)[0]


def _u64(data, offset):
    return struct.unpack_from("<Q", data, offset)[0]


class _Catalogue:
    """Every record up to catalogue_used; offsets are from the catalogue's start."""

    def __init__(self, data):
        start = _u64(data, 32)
        self.data = data[start:start + _u64(data, 48)]

    def records(self):
        at = 0
        while at < len(self.data):
            size, kind = struct.unpack_from("<IH", self.data, at)
            assert size >= 8 and size % 8 == 0, f"a record of {size} bytes at {at}"
            yield kind, at
            at += size

    def string(self, at):
        return self.data[at + 16:at + 16 + _u32(self.data, at + 8)].decode() if at else ""

    def strings(self, at, count):
        return [self.string(_u32(self.data, at + 4 * i)) for i in range(count)]


def _cell(data, cell):
    """A whole-number cell: its sum over all columns whose bit is set."""
    if cell >= _u64(data, 88):
        return 0
    values, stride = _u64(data, 56), _u64(data, 64)
    used = [column for column in range(1024)
            if _u64(data, 464 + 8 * (column // 64)) >> (column % 64) & 1]
    return sum(_u64(data, values + column * stride + 8 * cell) for column in used) % 2**64


def read(path):
    """Counts by (metric, frozenset of labels); a histogram's stands under NAME_count."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"NOTCHSEG" and _u32(data, 12) == 0x01020304, f"{path} is no segment"
    catalogue = _Catalogue(data)
    families, counts = {}, {}
    for kind, at in catalogue.records():
        if kind == _FAMILY:
            bounds = _u32(catalogue.data, at + 28)
            names = catalogue.strings(at + 48, _u32(catalogue.data, at + 32))
            families[_u32(catalogue.data, at + 8)] = (
                catalogue.data[at + 12], catalogue.string(_u32(catalogue.data, at + 16)), names,
                _u32(catalogue.data, bounds + 8) + 1 if bounds else 1)
        elif kind == _SERIES:
            family_type, name, names, cells = families[_u32(catalogue.data, at + 12)]
            if family_type not in (_COUNTER, _HISTOGRAM):
                continue
            values = catalogue.strings(at + 32, _u32(catalogue.data, at + 28))
            first = _u32(catalogue.data, at + 16)
            key = (name + ("_count" if family_type == _HISTOGRAM else ""),
                   frozenset(zip(names, values)))
            counts[key] = sum(_cell(data, first + i) for i in range(cells))
    service = data[592:720].split(b"\0")[0].decode()
    return RawSegment(_u32(data, 128), _u32(data, 20), service, counts)
