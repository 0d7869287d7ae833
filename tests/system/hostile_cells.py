"""Writes over the cells of a living segment, as its owner may at any time.
Called by: hostile_prometheus_test.

It finds a cell with the reader that is written from shm/FORMAT.md alone and shares no code with the agent's.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shm"))
import segment_reader  # noqa: E402  (it stands in another folder)

CELL_BYTES = 8


def bits(value):
    """A double as a cell holds it."""
    return struct.unpack("<Q", struct.pack("<d", value))[0]


class HostileCells:
    """Of one segment; what is put stands in column 0, beside what its process counted in others."""

    def __init__(self, path):
        self._path, self._segment = path, segment_reader.Segment(path)
        self._segment.follow()

    def put(self, cell, *words):
        """Each a u64."""
        with open(self._path, "r+b") as file:
            for number, word in enumerate(words):
                os.pwrite(file.fileno(), struct.pack("<Q", word),
                          self._segment.values_offset + (cell + number) * CELL_BYTES)

    def first_cell(self, family):
        """Of its only series."""
        return self._segment.catalogue.series[self._series(family)]["first_cell"]

    def first_chunk(self, family):
        """The first cell of the first chunk of its only series."""
        series = self._series(family)
        return next(chunk["first_cell"] for chunk in self._segment.catalogue.chunks if chunk["series"] == series)

    def _series(self, family):
        catalogue = self._segment.catalogue
        (index,) = [number for number, series in enumerate(catalogue.series)
                    if catalogue.families[series["family"]]["name"] == family]
        return index
