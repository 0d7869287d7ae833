#!/usr/bin/python3
"""The README's first programs, in C++ and in C: they print what the README shows, and
the segment that each leaves has its counts. Called by: ctest, as examples_test.py SOURCE_FOLDER PROGRAMS_FOLDER.
"""

import os
import subprocess
import sys
import unittest

import scratch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "shm"))

import segment_reader  # noqa: E402  (found through the line above)

PRINTED = "1000 jobs done, 8443389251\n"
SOURCES, PROGRAMS = sys.argv.pop(1), sys.argv.pop(1)


class Examples(unittest.TestCase):
    def test_print_and_count_what_the_readme_says(self):
        for program in ("jobs", "jobs_c"):
            with self.subTest(program), scratch.folder() as folder:
                run = subprocess.run([os.path.join(PROGRAMS, program)], capture_output=True,
                                     text=True, check=True, env={"NOTCH_DIR": folder})
                self.assertEqual((run.stdout, run.stderr), (PRINTED, ""))
                (name,) = os.listdir(folder)
                reading = segment_reader.Segment(os.path.join(folder, name)).reading()
                self.assertEqual(reading["header"]["service"], program)
                self.assertEqual(reading["header"]["state"], segment_reader.CLOSED)
                self.assertEqual(segment_reader.counts_of(reading),
                                 {("jobs_done_total", frozenset()): 1000,
                                  ("jobs_duration_seconds_count", frozenset()): 1000})

    def test_run_as_well_where_no_agent_can_be(self):
        for program in ("jobs", "jobs_c"):
            with self.subTest(program):
                run = subprocess.run([os.path.join(PROGRAMS, program)], capture_output=True,
                                     text=True, check=True, env={"NOTCH_DIR": "/nonexistent"})
                self.assertEqual((run.stdout, run.stderr), (PRINTED, ""))

    def test_the_first_program_has_at_most_20_lines(self):
        with open(os.path.join(SOURCES, "jobs.cc"), encoding="utf-8") as file:
            self.assertLessEqual(len(file.readlines()), 20)


if __name__ == "__main__":
    sys.exit(unittest.main())
