#!/usr/bin/python3
"""The README's first programs, in C++ and in C: they print what it shows, and their counts are in
the segment they leave. Called by: ctest, as examples_test.py SOURCE_FOLDER PROGRAMS_FOLDER.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import raw_segment

PRINTED = "1000 jobs done, 8443389251\n"
SOURCES, PROGRAMS = sys.argv.pop(1), sys.argv.pop(1)


class Examples(unittest.TestCase):
    def test_print_and_count_what_the_readme_says(self):
        for program in ("jobs", "jobs_c"):
            with self.subTest(program), tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                run = subprocess.run([os.path.join(PROGRAMS, program)], capture_output=True,
                                     text=True, check=True, env={"NOTCH_DIR": folder})
                self.assertEqual((run.stdout, run.stderr), (PRINTED, ""))
                (name,) = os.listdir(folder)
                segment = raw_segment.read(os.path.join(folder, name))
                self.assertEqual(segment.service, program)
                self.assertEqual(segment.state, raw_segment.STATE_CLOSED)
                self.assertEqual(segment.counts, {("jobs_done_total", frozenset()): 1000,
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
