#!/usr/bin/python3
"""The memory that the kernel charges a program for (RLIMIT_DATA, RLIMIT_MEMLOCK, strict overcommit): under the library it is
nearly as much as without, and more only for memory that is used.
Called by: ctest, as memory_test.py NOTCHD LIBRARY MEMORY_PROGRAM.
"""
import os
import pwd
import sys
import unittest

import preload_test_case

MEMORY_PROGRAM = sys.argv.pop(1)
# The library with its code, and its segment; of these what may be written to and is its own.
MOST_SIZE_KIB, MOST_DATA_KIB = 2048, 768
# A segment that was its parent's, of which a child keeps the memory.
MOST_MORE_OF_CHILD_KIB = 256
MEMLOCK = 8 << 20  # systemd's default, and the kernel's


class Memory(preload_test_case.PreloadTestCase):
    def numbers(self, way, *arguments, preloaded=True, prefix=(), **options):
        """What the program says of itself, bare or under the library."""
        changes = {} if preloaded else {"LD_PRELOAD": ""}
        run = self.run_program([*prefix, MEMORY_PROGRAM, way, *arguments], changes, **options)
        self.assertEqual((run.returncode, run.stderr), (0, b""), way)
        return [int(word) for word in run.stdout.split()]

    def exchanges(self):
        """How many the library has counted, on either side, and how many connections it did not follow."""
        samples = self.folded() | self.agent.samples("http_")
        return (self.count(samples, "http_server_request_body_size_bytes_count"),
                self.count(samples, "http_client_request_body_size_bytes_count"),
                self.count(samples, "libc_http_unobserved_total", reason="descriptor"))

    def test_a_program_and_its_forked_children_are_charged_little(self):
        bare, counted = self.numbers("figures", preloaded=False), self.numbers("figures")
        self.assertEqual((len(bare), len(counted)), (8, 8))
        for generation in range(4):
            size, data = (counted[2 * generation + i] - bare[2 * generation + i] for i in (0, 1))
            more = MOST_MORE_OF_CHILD_KIB * min(generation, 2)
            print(f"  generation {generation}: VmSize +{size} KiB, VmData +{data} KiB", flush=True)
            self.assertLess(size, MOST_SIZE_KIB + more)
            self.assertLess(data, MOST_DATA_KIB + more)

    def test_an_ordinary_user_locks_all_memory_under_the_usual_limit(self):
        user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
        os.chmod(self.folder, 0o711)
        if os.getuid() == 0 and not self.may_reach(user):
            self.skipTest("another user cannot reach the library here")
        limits = ("prlimit", f"--memlock={MEMLOCK}:{MEMLOCK}", "--nofile=2048:2048", "--")
        locked = self.numbers("lock", "500", prefix=limits, user=user)
        self.assertGreater(locked[0], 1000)
        self.assertEqual(self.exchanges(), (500, 500, 0))

    def may_reach(self, user):
        run = self.run_program(["test", "-r", preload_test_case.LIBRARY, "-a", "-x", MEMORY_PROGRAM], {"LD_PRELOAD": ""},
                               user=user)
        return run.returncode == 0

    def test_a_limit_of_data_leaves_what_it_leaves_without_us(self):
        bare, counted = self.numbers("blocks", preloaded=False), self.numbers("blocks")
        self.assertGreater(bare[0], 10)
        self.assertGreaterEqual(counted[0], bare[0] - 1)

    def test_forks_in_a_line_succeed_under_a_limit_of_data(self):
        self.assertEqual(self.numbers("forks"), [20])

    def test_connections_are_charged_as_they_come(self):
        prefix = ("prlimit", "--nofile=8192:8192", "--")
        bare = self.numbers("connections", "2000", prefix=prefix, preloaded=False)
        counted = self.numbers("connections", "2000", prefix=prefix)
        print(f"  2000 connections, both ends: VmData +{counted[0] - bare[0]} KiB", flush=True)
        self.assertEqual(self.exchanges(), (2000, 2000, 0))
        self.assertLess(counted[0] - bare[0], 4000 * 256 / 1024 + 64)

    def test_a_number_that_is_used_again_is_charged_once(self):
        self.assertLess(self.numbers("churn", "1000")[0], 256)
        self.assertEqual(self.exchanges(), (1000, 1000, 0))

    def test_behind_a_filter_nothing_is_asked_for_and_what_is_not_followed_is_counted(self):
        prefix = ("prlimit", "--nofile=8192:8192", "--")
        self.assertEqual(self.numbers("caged", "400", prefix=prefix), [])
        self.assertEqual(self.exchanges(), (400, 400, 0))
        self.assertEqual(self.numbers("caged", "2000", prefix=prefix), [])
        servers, clients, unfollowed = self.exchanges()
        self.assertEqual(servers + clients + unfollowed, 2 * (400 + 2000))
        self.assertGreater(unfollowed, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
