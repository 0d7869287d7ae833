"""Holds the second reader (segment_reader.py) to the golden segment: it reads what is expected, and refuses every
field that is broken, by the rule of FORMAT.md that the field breaks. golden_segment_faults.json lists single faults,
each as bytes to put at an offset of the file; golden_segment_test.cc holds the project's reader to the same list.
"""
import json
import os
import pathlib
import struct
import sys
import unittest

import make_golden_segment
import segment_reader
from segment_reader import CHUNK, FAMILY, HEADER, SERIES, STRING

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import scratch  # noqa: E402  (found through the line above)

HERE = pathlib.Path(__file__).parent
GOLDEN = (HERE / "golden_segment.notch").read_bytes()
EXPECTED = json.loads((HERE / "golden_segment.json").read_text())

# The rule that is broken when every bit of the field is turned round. Any other field is what the reading shows.
FLIPPED = {
    "magic": 2, "major": 2, "byte_order": 2, "header_bytes": 2, "file_bytes": 3, "catalogue_offset": 3,
    "catalogue_capacity": 3, "catalogue_used": 4, "values_offset": 3, "column_stride": 3, "column_capacity": 3,
    "counting_mode": 3, "cell_capacity": 3, "exemplar_offset": 3, "exemplar_slots": 3, "exemplar_slot_bytes": 3,
    "uid": 1,
}
FAULTS = json.loads((HERE / "golden_segment_faults.json").read_text())["faults"]


def record_places(kind):
    """Offsets in the file of the golden segment's records of a kind."""
    at = make_golden_segment.CATALOGUE_OFFSET
    end = at + EXPECTED["header"]["catalogue_used"]
    places = []
    while at < end:
        size, found = struct.unpack_from("<IH", GOLDEN, at)
        places += [at] if found == kind else []
        at += size
    return places


class GoldenSegment(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.path = os.path.join(self.folder, "golden.notch")
        self.data = bytearray(GOLDEN)
        self.patch("uid", os.geteuid())  # a checkout belongs to anyone

    def patch(self, field, *values):
        offset, code = HEADER[field]
        struct.pack_into("<" + code, self.data, offset, *values)

    def flip(self, field):
        offset, code = HEADER[field]
        for at in range(offset, offset + struct.calcsize("<" + code)):
            self.data[at] ^= 0xFF

    def write(self):
        pathlib.Path(self.path).write_bytes(self.data)
        return self.path

    def read(self):
        return segment_reader.plain(segment_reader.Segment(self.write()).reading())

    def require_refusal(self, rule, path=None):
        with self.assertRaises(segment_reader.Broken) as refused:
            segment_reader.Segment(path).reading() if path else self.read()
        self.assertEqual(refused.exception.rule, rule, refused.exception)
        return str(refused.exception)

    def test_the_file_is_what_its_program_writes(self):
        self.assertEqual(make_golden_segment.golden_bytes(), GOLDEN)

    def test_it_reads_as_expected(self):
        EXPECTED["header"]["uid"] = os.geteuid()
        # As texts: 1 and 1.0 differ there.
        self.assertEqual(json.dumps(self.read(), sort_keys=True), json.dumps(EXPECTED, sort_keys=True))

    def test_every_header_field_is_refused_by_its_rule_or_shown(self):
        before = self.read()
        for field in HEADER:
            with self.subTest(field):
                self.flip(field)
                if field in FLIPPED:
                    self.assertIn(field, self.require_refusal(FLIPPED[field]))
                else:
                    self.assertNotEqual(self.read(), before)
                self.flip(field)
        self.assertEqual(self.read(), before)

    def test_every_fault_is_refused_by_its_rule(self):
        for fault in FAULTS:
            with self.subTest(fault["what"]):
                before, wrong = bytes(self.data), bytes.fromhex(fault["bytes"])
                self.data[fault["offset"]:fault["offset"] + len(wrong)] = wrong
                self.require_refusal(fault["rule"])
                self.data[:] = before
        self.read()

    def test_more_cells_in_series_than_there_are_are_refused(self):
        for kind, offset in ((SERIES, 16), (CHUNK, 20)):
            for place in record_places(kind):  # each alone may lie there
                struct.pack_into("<I", self.data, place + offset, 8)
        self.patch("cell_capacity", 150)
        self.assertIn("more cells", self.require_refusal(6))

    def test_reserved_bytes_and_unknown_flags_are_ignored(self):
        before = self.read()
        for place in (192, 4090, record_places(STRING)[0] + 12, record_places(FAMILY)[0] + 36):
            self.data[place] = 0xFF
        self.data[record_places(SERIES)[0] + 24] |= 0x80
        self.assertEqual(self.read(), before)

    def test_a_bit_past_the_columns_means_nothing(self):
        before = self.read()
        self.data[HEADER["column_bitmap"][0]] |= 1 << make_golden_segment.COLUMNS
        self.assertEqual(self.read(), before)

    def test_files_that_are_no_segment_are_refused(self):
        link = os.path.join(self.folder, "link.notch")
        os.link(self.write(), link)
        self.assertIn("links", self.require_refusal(1, self.path))
        self.data = self.data[:4095]
        os.unlink(link)
        self.assertIn("4095", self.require_refusal(1))
        self.assertIn("regular", self.require_refusal(1, self.folder))

    def test_numbers_without_memory_are_refused(self):
        with open(self.path, "wb") as file:
            file.write(self.data[:make_golden_segment.VALUES_OFFSET])
            file.truncate(len(self.data))
        if os.stat(self.path).st_blocks * 512 >= len(self.data):
            self.skipTest("this file system gives a hole memory")
        self.require_refusal(7, self.path)

    def test_a_catalogue_that_shrinks_is_refused(self):
        segment = segment_reader.Segment(self.write())
        segment.follow()
        with open(self.path, "r+b") as file:
            file.seek(HEADER["catalogue_used"][0])
            file.write(struct.pack("<Q", 8))
        with self.assertRaises(segment_reader.BrokenProgress):
            segment.follow()


if __name__ == "__main__":
    unittest.main()
