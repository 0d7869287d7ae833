#!/usr/bin/python3
"""Runs the program of the public headers' uses, and counts in its segment what they say they count. Called by: ctest, as
header_uses_test.py PROGRAM.
"""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "shm"), os.path.join(HERE, "..", "system")]

import scratch  # noqa: E402  (found through the line above)
import segment_reader  # noqa: E402

PROGRAM = sys.argv.pop(1)
COUNTED = {  # some of each header: (sample, labels) and its count
    ("sent_bytes_total", frozenset()): 1461,
    ("busy_seconds_total", frozenset()): 0.25,
    ("replies_total", frozenset({("code", "200")})): 1,
    ("requests_total", frozenset({("method", "GET"), ("code", "200")})): 1,
    ("job_duration_seconds_count", frozenset()): 1,
    ("jobs_total", frozenset()): 1,
    ("answer_bytes_count", frozenset()): 1,
    ("query_duration_seconds_count", frozenset()): 1,
}


class Uses(unittest.TestCase):
    def test_count_what_the_headers_say(self):
        with scratch.folder() as folder:
            run = subprocess.run([PROGRAM], capture_output=True, text=True, check=True, env={"NOTCH_DIR": folder})
            self.assertIn("HttpRequests", run.stderr)  # status.h shows a definition that is refused
            (name,) = os.listdir(folder)
            counts = segment_reader.counts_of(segment_reader.Segment(os.path.join(folder, name)).reading())
        self.assertEqual({key: counts.get(key) for key in COUNTED}, COUNTED)


if __name__ == "__main__":
    sys.exit(unittest.main())
