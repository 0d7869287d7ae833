#!/usr/bin/python3
"""A second reader of the segment file, written from shm/FORMAT.md alone and sharing nothing with the first.

usage: segment_reader.py FILE      prints the reading as JSON; exit 1 names the broken rule on stderr

Called by tests/shm/golden_segment_test.py, and by tests/system for what processes left behind. It keeps:
 1. No byte is believed before its rule is checked; a rule that is broken raises the class of that rule.
 2. Records are parsed once; catalogue_used never goes back.
 3. What has no memory (cells past cells_committed, columns without a bit) is not touched.

Not for use beside a hostile writer: a file cut short under the map ends the process by SIGBUS.
"""
import json
import math
import mmap
import os
import stat
import struct
import sys

PAGE_BYTES, CELL_BYTES, CHUNK_CELLS, FIRST_CELL, SLOT_BYTES, BLOCK_BYTES = 4096, 8, 32, 8, 64, 512
LONGEST_TEXT, FARTHEST_CHUNK = 4096, 8600
HEADER = {  # field: (offset, struct code); reserved bytes are ignored
    "magic": (0, "8s"), "major": (8, "H"), "minor": (10, "H"), "byte_order": (12, "I"), "header_bytes": (16, "I"),
    "state": (20, "I"), "file_bytes": (24, "Q"), "catalogue_offset": (32, "Q"), "catalogue_capacity": (40, "Q"),
    "catalogue_used": (48, "Q"), "values_offset": (56, "Q"), "column_stride": (64, "Q"), "column_capacity": (72, "I"),
    "counting_mode": (76, "I"), "cell_capacity": (80, "Q"), "cells_committed": (88, "Q"), "exemplar_offset": (96, "Q"),
    "exemplar_slots": (104, "I"), "exemplar_slot_bytes": (108, "I"), "boot_id": (112, "16s"), "pid": (128, "I"),
    "uid": (132, "I"), "start_time_ticks": (136, "Q"), "pid_namespace": (144, "Q"), "created_unix_ns": (152, "Q"),
    "segment_id": (160, "16s"), "lineage_key": (176, "16s"), "exemplar_next": (200, "Q"), "drops": (208, "32Q"),
    "column_bitmap": (464, "16Q"), "service": (592, "128s"), "executable": (720, "256s"),
}
DROPS = ("", "cardinality", "no cells", "catalogue full", "not finite", "negative", "label too long",
         "wrong label count", "invalid definition", "conflict", "re-entered", "exemplar slot busy")
STRING, BOUNDS, FAMILY, SERIES, CHUNK = 1, 2, 3, 4, 5
RECORD_BYTES = {STRING: 16, BOUNDS: 16, FAMILY: 48, SERIES: 32, CHUNK: 24}
TYPES = {1: "counter", 2: "up-down counter", 3: "gauge", 4: "histogram", 5: "native histogram"}
NUMBERS = {1: "unsigned", 2: "float", 3: "signed"}
NUMBERS_OF_TYPE = {1: (1, 2), 2: (3,), 3: (2,), 4: (1,), 5: (1,)}
LIVE, CLOSED = 1, 2
MODES = {0: "", 1: "sum", 2: "min", 3: "max", 4: "last", 5: "each"}


class Broken(Exception):
    """A rule of "valid if and only if" does not hold; `rule` is its number there."""
    rule = 0


class BrokenFile(Broken):
    rule = 1


class BrokenIdentity(Broken):
    rule = 2


class BrokenLayout(Broken):
    rule = 3


class BrokenProgress(Broken):
    rule = 4


class BrokenRecord(Broken):
    rule = 5


class BrokenCells(Broken):
    rule = 6


class BrokenClaim(Broken):
    rule = 7


def require(holds, broken, what):
    if not holds:
        raise broken(what)


def cells_of(family):
    if family["type"] == "histogram":
        return len(family["bounds"]) + 2
    return 2 if family["type"] == "native histogram" or family["gauge_mode"] == "last" else 1


def from_bits(bits):
    return struct.unpack("=d", struct.pack("=Q", bits))[0]


class Catalogue:
    """The records so far: strings and bounds by offset, families, series and chunks in their order."""

    def __init__(self, cell_capacity):
        self.cell_capacity = cell_capacity
        self.parsed = self.cells_taken = 0
        self.strings, self.bounds = {}, {}
        self.families, self.series, self.chunks = [], [], []

    def take(self, log):
        """Parses the records of log, the catalogue's bytes up to catalogue_used, that were not there before."""
        parse = {STRING: self._string, BOUNDS: self._bounds, FAMILY: self._family, SERIES: self._series,
                 CHUNK: self._chunk}
        while self.parsed < len(log):
            at = self.parsed
            require(len(log) - at >= 8, BrokenRecord, f"record at {at}: ends behind catalogue_used")
            size, kind = struct.unpack_from("=IH", log, at)
            require(size >= 8 and size % 8 == 0, BrokenRecord, f"record at {at}: bytes {size}")
            require(size <= len(log) - at, BrokenRecord, f"record at {at}: ends behind catalogue_used")
            if kind in parse:
                require(size >= RECORD_BYTES[kind], BrokenRecord, f"record at {at}: too small for kind {kind}")
                parse[kind](at, log[at:at + size])
            self.parsed += size

    def _text(self, at, offset, least, most, what):
        if offset == 0:
            text = b""
        else:
            require(offset in self.strings, BrokenRecord, f"record at {at}: {what} is no string")
            text = self.strings[offset]
        require(least <= len(text) <= most, BrokenRecord, f"record at {at}: {what} of {len(text)} bytes")
        return text.decode("utf-8", "replace")

    def _tail(self, at, record, start, count, code):
        width = struct.calcsize("=" + code)
        require(count * width <= len(record) - start, BrokenRecord, f"record at {at}: {count} do not fit")
        return list(struct.unpack_from(f"={count}{code}", record, start))

    def _string(self, at, record):
        length, = struct.unpack_from("=I", record, 8)
        require(length <= LONGEST_TEXT, BrokenRecord, f"record at {at}: length {length}")
        require(length <= len(record) - 16, BrokenRecord, f"record at {at}: length {length} does not fit")
        self.strings[at] = record[16:16 + length]

    def _bounds(self, at, record):
        count, = struct.unpack_from("=I", record, 8)
        require(count <= 256, BrokenRecord, f"record at {at}: {count} bounds")
        bounds = self._tail(at, record, 16, count, "d")
        require(all(map(math.isfinite, bounds)), BrokenRecord, f"record at {at}: a bound is not finite")
        require(all(a < b for a, b in zip(bounds, bounds[1:])), BrokenRecord, f"record at {at}: bounds do not rise")
        self.bounds[at] = bounds

    def _family(self, at, record):
        (number_of, kind, number, mode, schema, name, help_text, unit, bounds, label_count, _,
         zero) = struct.unpack_from("=IBBBbIIIIIId", record, 8)
        require(number_of == len(self.families), BrokenRecord, f"record at {at}: family {number_of} out of order")
        require(kind in TYPES, BrokenRecord, f"record at {at}: type {kind}")
        require(number in NUMBERS_OF_TYPE[kind], BrokenRecord, f"record at {at}: number {number}")
        require(1 <= mode <= 5 if kind == 3 else mode == 0, BrokenRecord, f"record at {at}: gauge_mode {mode}")
        require(-4 <= schema <= 8 if kind == 5 else schema == 0, BrokenRecord, f"record at {at}: schema {schema}")
        require(math.isfinite(zero) and zero >= 0 if kind == 5 else zero == 0, BrokenRecord,
                f"record at {at}: zero_threshold {zero}")
        require(bounds == 0 or kind == 4 and bounds in self.bounds, BrokenRecord, f"record at {at}: bounds {bounds}")
        require(label_count <= 16, BrokenRecord, f"record at {at}: label_count {label_count}")
        labels = self._tail(at, record, 48, label_count, "I")
        self.families.append({
            "name": self._text(at, name, 1, 200, "name"), "help": self._text(at, help_text, 0, 4096, "help"),
            "unit": self._text(at, unit, 0, 200, "unit"), "type": TYPES[kind], "number": NUMBERS[number],
            "gauge_mode": MODES[mode], "schema": schema, "zero_threshold": zero,
            "bounds": self.bounds[bounds] if bounds else [],
            "label_names": [self._text(at, label, 1, 200, "label name") for label in labels]})

    def _series(self, at, record):
        number_of, family, first, count, flags, label_count = struct.unpack_from("=6I", record, 8)
        require(number_of == len(self.series), BrokenRecord, f"record at {at}: series {number_of} out of order")
        require(family < len(self.families), BrokenRecord, f"record at {at}: family {family} is not before it")
        definition, overflow = self.families[family], bool(flags & 1)
        require(count == cells_of(definition), BrokenRecord, f"record at {at}: cell_count {count}")
        self._cells(at, first, count)
        require(label_count == (0 if overflow else len(definition["label_names"])), BrokenRecord,
                f"record at {at}: label_count {label_count}")
        labels = self._tail(at, record, 32, label_count, "I")
        self.series.append({"family": family, "first_cell": first, "overflow": overflow, "labels": [
            self._text(at, label, 0, 1024, "label value") for label in labels]})

    def _chunk(self, at, record):
        series, chunk, negative, first = struct.unpack_from("=IiII", record, 8)
        require(series < len(self.series), BrokenRecord, f"record at {at}: series {series} is not before it")
        require(self.families[self.series[series]["family"]]["type"] == "native histogram", BrokenRecord,
                f"record at {at}: a chunk of no native histogram")
        require(negative <= 1, BrokenRecord, f"record at {at}: negative {negative}")
        require(abs(chunk) <= FARTHEST_CHUNK, BrokenRecord, f"record at {at}: chunk {chunk}")
        self._cells(at, first, CHUNK_CELLS)
        self.chunks.append({"series": series, "chunk": chunk, "negative": bool(negative), "first_cell": first})

    def _cells(self, at, first, count):
        require(first >= FIRST_CELL, BrokenRecord, f"record at {at}: first_cell {first}")
        self.cells_taken += count
        require(first + count <= self.cell_capacity, BrokenCells, f"record at {at}: cells from {first}")
        require(self.cells_taken <= self.cell_capacity, BrokenCells, f"record at {at}: more cells than there are")


class Segment:
    """One segment, mapped. reading() may be called again and again while its writer lives."""

    def __init__(self, path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            file = os.fstat(descriptor)
            require(stat.S_ISREG(file.st_mode), BrokenFile, "not a regular file")
            require(file.st_nlink == 1, BrokenFile, f"{file.st_nlink} links")
            require(file.st_size >= PAGE_BYTES, BrokenFile, f"{file.st_size} bytes")
            self._bytes = mmap.mmap(descriptor, file.st_size, mmap.MAP_SHARED, mmap.PROT_READ)
            self._descriptor = os.dup(descriptor)
        finally:
            os.close(descriptor)
        require(self._field("uid") == file.st_uid, BrokenFile, f"uid: the owner is {file.st_uid}")
        self._check_identity()
        self._check_layout(file.st_size)
        self._words = memoryview(self._bytes)[:file.st_size // 8 * 8].cast("Q")  # each load is 8 bytes wide
        self._catalogue = Catalogue(self._field("cell_capacity"))

    def _field(self, name):
        offset, code = HEADER[name]
        values = struct.unpack_from("=" + code, self._bytes, offset)
        return values[0] if len(values) == 1 else list(values)

    @property
    def catalogue(self):
        """As followed so far."""
        return self._catalogue

    @property
    def values_offset(self):
        return self._field("values_offset")

    def _check_identity(self):
        for name, value in (("magic", b"NOTCHSEG"), ("byte_order", 0x01020304), ("major", 1)):
            require(self._field(name) == value, BrokenIdentity, f"{name}: {self._field(name)}")
        require(self._field("header_bytes") >= PAGE_BYTES, BrokenIdentity, "header_bytes: less than 4096")
        require(self._field("header_bytes") % 8 == 0, BrokenIdentity, "header_bytes: no multiple of 8")

    def _check_layout(self, size):
        f = {name: self._field(name) for name in HEADER}
        require(f["file_bytes"] <= size, BrokenLayout, f"file_bytes: {f['file_bytes']} of {size}")
        for name in ("catalogue_offset", "catalogue_capacity", "values_offset", "column_stride"):
            require(f[name] % 8 == 0, BrokenLayout, f"{name}: {f[name]} is no multiple of 8")
        for name, least, most in (("catalogue_capacity", 0, 1 << 28), ("column_capacity", 1, 1024),
                                  ("cell_capacity", FIRST_CELL, 1 << 20), ("counting_mode", 1, 3),
                                  ("exemplar_slots", 0, 64)):
            require(least <= f[name] <= most, BrokenLayout, f"{name}: {f[name]}")
        column_bytes = f["cell_capacity"] * CELL_BYTES
        require(column_bytes <= f["column_stride"], BrokenLayout, f"column_stride: {f['column_stride']}")
        areas = [("catalogue_offset", f["catalogue_capacity"]),
                 ("values_offset", f["column_capacity"] * f["column_stride"])]
        if f["exemplar_slots"] != 0:
            step = f["exemplar_slot_bytes"]
            require(SLOT_BYTES <= step <= PAGE_BYTES and step % 8 == 0, BrokenLayout, f"exemplar_slot_bytes: {step}")
            require(f["exemplar_offset"] % 8 == 0, BrokenLayout, "exemplar_offset: no multiple of 8")
            areas.append(("exemplar_offset", f["exemplar_slots"] * step))
        for name, length in areas:
            require(f[name] >= f["header_bytes"], BrokenLayout, f"{name}: within the header")
            require(f[name] + length <= f["file_bytes"], BrokenLayout, f"{name}: ends behind the file")

    def follow(self):
        """Parses what the catalogue has got since the last call."""
        used, capacity = self._field("catalogue_used"), self._field("catalogue_capacity")
        require(used <= capacity, BrokenProgress, f"catalogue_used: {used} of {capacity}")
        require(used >= self._catalogue.parsed, BrokenProgress, f"catalogue_used: {used} is less than it was")
        start = self._field("catalogue_offset")
        self._catalogue.take(self._bytes[start:start + used])

    def reading(self):
        """Everything the segment says now, doubled families and series added up. Floats are exact."""
        self.follow()
        bitmap = self._field("column_bitmap")
        columns = [c for c in range(self._field("column_capacity")) if bitmap[c // 64] >> c % 64 & 1]
        committed = min(self._field("cells_committed"), self._field("cell_capacity"))
        self._check_claim(len(columns) * committed * CELL_BYTES)
        cells = Cells(self._words, self._field("values_offset"), self._field("column_stride"), columns, committed)
        return {"header": self._header(), "columns": columns, "drops": self._drops(),
                "null_handles": {"integers": cells.integer(0), "doubles": cells.double(1), "gauge": cells.gauge(2)},
                "families": merged(self._catalogue, cells), "exemplars": self._exemplars()}

    def _check_claim(self, cell_bytes):
        claimed = (PAGE_BYTES + self._catalogue.parsed + cell_bytes
                   + self._field("exemplar_slots") * self._field("exemplar_slot_bytes"))
        backed = os.fstat(self._descriptor).st_blocks * BLOCK_BYTES
        require(claimed <= backed, BrokenClaim, f"{claimed} bytes in use, memory for {backed}")

    def _header(self):
        f = {name: self._field(name) for name in HEADER if name not in ("magic", "drops", "column_bitmap")}
        for name in ("boot_id", "segment_id", "lineage_key"):
            f[name] = f[name].hex()
        for name in ("service", "executable"):
            f[name] = f[name].split(b"\0")[0].decode("utf-8", "replace")
        return f

    def _drops(self):
        counts = enumerate(self._field("drops"))
        return {DROPS[k] if k < len(DROPS) else str(k): n for k, n in counts if n != 0}

    def _exemplars(self):
        """The whole ones, oldest first."""
        slots, step, found = self._field("exemplar_slots"), self._field("exemplar_slot_bytes"), []
        for n in range(slots):
            at = self._field("exemplar_offset") + step * ((self._field("exemplar_next") + n) % slots)
            sequence = self._words[at // 8]
            cell, _, value, when, trace, span = struct.unpack_from("=IIdQ16s8s", self._bytes, at + 8)
            if sequence == 0 or sequence % 2 or self._words[at // 8] != sequence:
                continue
            if FIRST_CELL <= cell < self._field("cell_capacity") and math.isfinite(value):
                found.append({"cell": cell, "value": value, "unix_time_ns": when,
                              "trace_id": trace.hex() if any(trace) else "",
                              "span_id": span.hex() if any(span) else ""})
        return found


class Cells:
    """The values area: a cell's value is its sum over the columns in use, in their order."""

    def __init__(self, words, offset, stride, columns, committed):
        self._words, self._offset, self._stride = words, offset, stride
        self._columns, self._committed = columns, committed

    def _each(self, cell):
        if cell >= self._committed:
            return []
        return [self._words[(self._offset + c * self._stride) // 8 + cell] for c in self._columns]

    def integer(self, cell):
        return sum(self._each(cell)) % (1 << 64)

    def signed(self, cell):
        value = self.integer(cell)
        return value - (1 << 64) if value >> 63 else value

    def double(self, cell):
        total = 0.0
        for value in map(from_bits, self._each(cell)):
            total += value if math.isfinite(value) else 0.0
        return total

    def gauge(self, cell):
        """None while it says nothing."""
        if cell >= self._committed or 0 not in self._columns:
            return None
        bits = self._words[self._offset // 8 + cell]
        value = from_bits(bits ^ (1 << 64) - 1)
        return value if bits and math.isfinite(value) else None


def value_of(family, series, chunks, cells):
    """What one series record says: the parts its type has."""
    first, kind = series["first_cell"], family["type"]
    if kind == "counter":
        return {"value": cells.double(first) if family["number"] == "float" else cells.integer(first)}
    if kind == "up-down counter":
        return {"value": cells.signed(first)}
    if kind == "gauge":
        timed = {"set_monotonic_ns": cells.integer(first + 1)} if family["gauge_mode"] == "last" else {}
        return {"value": cells.gauge(first), **timed}
    if kind == "histogram":
        buckets = len(family["bounds"]) + 1
        return {"buckets": [cells.integer(first + n) for n in range(buckets)], "sum": cells.double(first + buckets)}
    sides = {"positive": {}, "negative": {}}
    for chunk in chunks:
        side = sides["negative" if chunk["negative"] else "positive"]
        for n in range(CHUNK_CELLS):
            count = cells.integer(chunk["first_cell"] + n)
            if count:
                index = str(chunk["chunk"] * CHUNK_CELLS + n)
                side[index] = (side.get(index, 0) + count) % (1 << 64)
    return {"zero_count": cells.integer(first), "sum": cells.double(first + 1), **sides}


def add_gauge(family, into, value):
    """Two records of one gauge: as the family's mode says, unless one of them says nothing."""
    both = (into["value"], value["value"])
    if None in both:
        into.update(value if both[0] is None else {})
    elif family["gauge_mode"] == "last":
        into.update(max(into, value, key=lambda v: v["set_monotonic_ns"]))
    else:
        into["value"] = {"min": min, "max": max}.get(family["gauge_mode"], lambda a, b: a + b)(*both)


def add_value(family, into, value):
    if family["type"] == "gauge":
        return add_gauge(family, into, value)
    for key, part in value.items():
        if isinstance(part, dict):
            into[key] = {k: into[key].get(k, 0) + part.get(k, 0) for k in {**into[key], **part}}
        elif isinstance(part, list):
            into[key] = [a + b for a, b in zip(into[key], part)]
        else:
            into[key] += part


def identity_of(family):
    return json.dumps({name: part for name, part in family.items() if name not in ("help", "unit")})


def merged(catalogue, cells):
    """Families with their series, equal ones added up, in the order of their first record."""
    families = {}
    for definition in catalogue.families:
        families.setdefault(identity_of(definition), (definition, {}))
    for number, series in enumerate(catalogue.series):
        definition = catalogue.families[series["family"]]
        rows = families[identity_of(definition)][1]
        value = value_of(definition, series, [c for c in catalogue.chunks if c["series"] == number], cells)
        key = (series["overflow"], *series["labels"])
        if key in rows:
            add_value(definition, rows[key], value)
        else:
            rows[key] = {"labels": series["labels"], "overflow": series["overflow"], **value}
    return [{**definition, "series": list(rows.values())} for definition, rows in families.values()]


def counts_of(reading):
    """Counters, and classic histograms' observations as NAME_count, by (name, frozenset of label pairs)."""
    counts = {}
    for family in reading["families"]:
        for series in family["series"]:
            labels = frozenset(zip(family["label_names"], series["labels"]))
            if family["type"] == "counter":
                counts[family["name"], labels] = series["value"]
            elif family["type"] == "histogram":
                counts[family["name"] + "_count", labels] = sum(series["buckets"])
    return counts


def plain(value):
    """For JSON: what is not finite becomes a text."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: segment_reader.py FILE")
    try:
        print(json.dumps(plain(Segment(sys.argv[1]).reading()), indent=1, ensure_ascii=False))
    except Broken as broken:
        sys.exit(f"{sys.argv[1]}: rule {broken.rule}, {type(broken).__name__}: {broken}")


if __name__ == "__main__":
    main()
