#!/usr/bin/python3
"""The locks and threads modules count the known waits of programs, and change no result of a call.
Called by: ctest, as lock_test.py NOTCHD LIBRARY PROGRAM CXX_PROGRAM OLD_LIBC.
"""
import subprocess
import sys
import unittest

import live_agent
import preload_test_case

PROGRAM, CXX_PROGRAM, OLD_LIBC = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
LOCKS = ["mutex", "rwlock_read", "rwlock_write"]
NS = 1e-9
RATE_ERROR = 1e-4  # relative error of the clock, against CLOCK_MONOTONIC


class Locks(preload_test_case.PreloadTestCase):
    def run_alike(self, command, changes=None):
        """Under the library and without it: the same output."""
        run = self.run_program(command, changes)
        bare = subprocess.run(command, capture_output=True, check=True, timeout=60,
                              env=live_agent.environment())
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, bare.stdout, bare.stderr))
        return {line.split()[0]: [int(word) for word in line.split()[1:]] for line in run.stdout.decode().splitlines()}

    def waits(self, samples):
        return {lock: self.count(samples, "libc_lock_waits_total", lock=lock) for lock in LOCKS}

    def times(self, samples):
        return {lock: (self.count(samples, "libc_lock_wait_seconds_count", lock=lock),
                       self.count(samples, "libc_lock_wait_seconds_sum", lock=lock)) for lock in LOCKS}

    def test_every_wait_is_counted_and_nothing_else(self):
        told = self.run_alike([PROGRAM, "all"])
        samples = self.folded()
        self.assertEqual(self.waits(samples), {lock: told[lock][0] for lock in LOCKS})
        for lock, (count, seconds) in self.times(samples).items():
            waits, least_ns = told[lock]
            self.assertEqual(count, waits)
            self.assertGreaterEqual(seconds, least_ns * NS * (1 - RATE_ERROR))
        self.assertEqual([self.count(samples, "libc_threads_created_total"),
                          self.count(samples, "libc_thread_failures_total")], told["threads"])

    def test_a_wait_that_cannot_be_timed_is_counted(self):
        told = self.run_alike([PROGRAM, "no_clock"])
        samples = self.folded()
        self.assertEqual(self.waits(samples), {lock: told[lock][0] for lock in LOCKS})
        self.assertEqual(self.times(samples), {lock: (0, 0) for lock in LOCKS})

    def test_without_a_wait_there_is_none(self):
        self.run_alike([PROGRAM])
        samples = self.folded()
        self.assertEqual(self.waits(samples), {lock: 0 for lock in LOCKS})
        self.assertEqual(self.count(samples, "libc_threads_created_total"), 0)

    def test_where_a_try_would_stall_others_no_rwlock_is_tried(self):
        told = self.run_alike([PROGRAM, "all"], {"LD_PRELOAD": f"{preload_test_case.LIBRARY}:{OLD_LIBC}"})
        self.assertGreater(told["rwlock_read"][0], 0)
        self.assertEqual(self.waits(self.folded()), {"mutex": told["mutex"][0], "rwlock_read": 0, "rwlock_write": 0})

    def test_modules_are_chosen_one_by_one(self):
        self.run_alike([PROGRAM, "no_clock"], {"NOTCH_PRELOAD": "threads"})
        samples = self.folded()
        self.assertEqual({family for family, _ in samples}, {"libc_threads_created_total", "libc_thread_failures_total"})
        self.assertEqual(self.count(samples, "libc_threads_created_total"), 1)

    def test_cxx_locks(self):
        self.run_alike([CXX_PROGRAM])
        samples = self.folded()
        self.assertEqual(self.waits(samples), {"mutex": 2, "rwlock_read": 1, "rwlock_write": 1})
        self.assertEqual(self.count(samples, "libc_threads_created_total"), 4)

    def test_a_crowd_under_every_lock_of_cxx(self):
        told = self.run_alike([CXX_PROGRAM, "crowd"])
        self.assertEqual(list(told), ["160000"])
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_threads_created_total"), 32)
        for lock, (timed, _) in self.times(samples).items():
            waits = self.waits(samples)[lock]
            # All but those during which the clock changed its way, once in the process's life.
            self.assertLessEqual(timed, waits)
            self.assertGreaterEqual(timed, waits - 8)


if __name__ == "__main__":
    unittest.main(verbosity=2)
