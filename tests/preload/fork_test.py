#!/usr/bin/python3
"""Forked children: each way of forking counts exactly, and a child that soon calls exec makes no segment.
Called by: ctest, as fork_test.py NOTCHD LIBRARY FORK_PROGRAM.
"""
import os
import sys
import unittest

import preload_test_case

FORK_PROGRAM = sys.argv.pop(1)


class Forks(preload_test_case.PreloadTestCase):
    def segments_of(self, way, deed):
        """Runs with nobody reading; gives how many segments there are after it."""
        directory = os.path.join(self.folder, f"{way}-{deed}")
        os.mkdir(directory)
        run = self.run_program([FORK_PROGRAM, way, deed], {"NOTCH_DIR": directory})
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        return len(os.listdir(directory))

    def test_a_child_on_its_way_to_exec_makes_no_segment(self):
        for way in ("fork", "clone", "vfork", "vfork-vfork", "spawn"):
            with self.subTest(way=way):
                self.assertEqual(self.segments_of(way, "exec"), 1)

    def test_a_child_that_writes_has_one_of_its_own(self):
        self.assertEqual(self.segments_of("fork", "write"), 2)
        self.assertEqual(self.segments_of("clone", "write"), 2)
        self.assertEqual(self.segments_of("vfork", "write"), 1)

    def test_what_a_child_closes_stays_open_in_its_parent(self):
        for done, way in enumerate(("fork", "clone", "vfork", "vfork-vfork", "spawn"), 1):
            with self.subTest(way=way):
                self.assertEqual(self.run_program([FORK_PROGRAM, way, "exec"]).returncode, 0)
                samples = self.folded()
                self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="pipe"), 2 * done)

    def test_a_forked_child_is_no_child_of_a_vfork(self):
        for done, way in enumerate(("vfork-fork", "vfork-inner-fork"), 1):
            with self.subTest(way=way):
                self.assertEqual(self.run_program([FORK_PROGRAM, way, "exec"]).returncode, 0)
                samples = self.folded()
                self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="pipe"), 5 * done)

    def test_parent_and_child_count_once_each(self):
        for done, way in enumerate(("fork", "clone", "vfork"), 1):
            with self.subTest(way=way):
                self.assertEqual(self.run_program([FORK_PROGRAM, way, "write"]).returncode, 0)
                samples = self.folded()
                self.assertEqual(self.count(samples, "libc_io_operations_total", kind="pipe"), 11 * done)
                self.assertEqual(self.count(samples, "libc_io_bytes_total", kind="pipe"), 12 * done)


if __name__ == "__main__":
    unittest.main(verbosity=2)
