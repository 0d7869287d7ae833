#!/usr/bin/python3
"""The malloc module counts the known allocations of programs, agrees with valgrind, and works beside other allocators.
Called by: ctest, as malloc_test.py NOTCHD LIBRARY PROGRAM CXX_PROGRAM EARLY_BLOCKS.
"""
import re
import subprocess
import sys
import unittest

import live_agent
import preload_test_case
from preload_test_case import LIBRARY

PROGRAM, CXX_PROGRAM, EARLY_BLOCKS = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
ALLOCATORS = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4"]
WAYS = ["malloc", "calloc", "realloc", "aligned"]
# A real program with many blocks, the same in each run.
PERL = ["/usr/bin/perl", "-e", "my %h; $h{$_} = 'x' x $_ for 1..$ARGV[0]; print scalar(keys %h), \"\\n\""]
PERL_SETTINGS = {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}


class Malloc(preload_test_case.PreloadTestCase):
    def figures(self, samples):
        """What the page says, in the words of the program."""
        told = {way: (self.count(samples, "libc_malloc_size_bytes_count", function=way),
                      self.count(samples, "libc_malloc_size_bytes_sum", function=way),
                      self.count(samples, "libc_malloc_failures_total", function=way)) for way in WAYS}
        told["free"] = (self.count(samples, "libc_malloc_frees_total"), 0, 0)
        return told

    def run_alike(self, command, changes=None):
        """Under the library and without it: the same output, and nothing said."""
        run = self.run_program(command, changes)
        libraries = (changes or {}).get("LD_PRELOAD", LIBRARY).split(":")
        libraries.remove(LIBRARY)
        bare = subprocess.run(command, capture_output=True, check=True, timeout=60,
                              env=live_agent.environment(**{**(changes or {}), "LD_PRELOAD": ":".join(libraries)}))
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, bare.stdout, bare.stderr))
        return run.stdout.decode()

    def added(self, command, nothing, changes=None):
        """The program's output, and by how much its figures exceed those of a run that does nothing."""
        self.run_alike(nothing, changes)
        before = self.figures(self.folded())
        output = self.run_alike(command, changes)
        after = self.figures(self.folded())
        return output, {way: tuple(now - 2 * then for now, then in zip(after[way], before[way]))
                        for way in before}

    def check_program(self, parts, changes=None):
        output, added = self.added([PROGRAM, *parts], [PROGRAM], changes)
        told = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in output.splitlines()}
        self.assertEqual(set(told), set(added))
        return told, added

    def test_a_program_that_knows_what_it_asked_for(self):
        told, added = self.check_program(["errno", "all", "pages"])
        # What starting a thread takes of the dynamic loader is a calloc, and the program's own count
        # has none of it; its size and the moment of its return are libc's affair.
        for way in ("malloc", "realloc", "aligned"):
            self.assertEqual(added[way], told[way], way)
        self.assertEqual(added["calloc"][2], told["calloc"][2])
        self.assertGreaterEqual(added["calloc"][0], told["calloc"][0])
        self.assertLessEqual(added["calloc"][0], told["calloc"][0] + 8)
        self.assertGreaterEqual(added["free"], told["free"])
        self.assertLessEqual(added["free"][0], told["free"][0] + 8)

    def test_sizes_have_their_buckets(self):
        self.run_alike([PROGRAM])
        before = self.folded()
        self.run_alike([PROGRAM, "sizes"])
        after = self.folded()

        def more(bound):
            one, other = (sum(value for (family, text), value in samples.items()
                              if family == "libc_malloc_size_bytes_bucket" and 'function="malloc"' in text
                              and float(re.search('le="(.*?)"', text).group(1)) == bound)
                          for samples in (before, after))
            return other - 2 * one

        # 0, 1, 16, 17, 32, 33, 4096, 32 MiB, 32 MiB + 1.
        self.assertEqual([more(bound) for bound in (16, 32, 64, 2048, 4096, 2**24, 2**25, float("inf"))],
                         [3, 5, 6, 6, 7, 7, 8, 9])

    def test_cxx_programs(self):
        output, added = self.added([CXX_PROGRAM, "work"], [CXX_PROGRAM])
        calls, size, refused, wide_calls, wide_size = map(int, output.split())
        self.assertEqual(added["malloc"], (calls + 1, added["malloc"][1], refused))  # and the exception
        self.assertGreater(added["malloc"][1], size)
        self.assertLess(added["malloc"][1], size + 1000)
        self.assertEqual(added["aligned"], (wide_calls, wide_size, 0))
        self.assertEqual(added["free"], (calls + 1 + wide_calls, 0, 0))

    def test_other_allocators(self):
        for allocator in ALLOCATORS:
            for order in (f"{LIBRARY}:{allocator}", f"{allocator}:{LIBRARY}"):
                with self.subTest(order=order):
                    self.setUp()
                    told, added = self.check_program(["all"], {"LD_PRELOAD": order})
                    # The library that comes first gets the calls.
                    expected = told["malloc"] if order.startswith(LIBRARY) else (0, 0, 0)
                    self.assertEqual(added["malloc"], expected)

    def test_blocks_of_the_time_before_our_constructor(self):
        for order in (f"{EARLY_BLOCKS}:{LIBRARY}", f"{LIBRARY}:{EARLY_BLOCKS}",
                      f"{LIBRARY}:{EARLY_BLOCKS}:{ALLOCATORS[0]}", f"{EARLY_BLOCKS}:{LIBRARY}:{ALLOCATORS[1]}"):
            with self.subTest(order=order):
                self.run_alike([PROGRAM, "sizes"], {"LD_PRELOAD": order})
        self.assertGreaterEqual(self.figures(self.folded())["realloc"][0], 16)

    def test_live_bytes_are_those_allocated_and_not_freed(self):
        with subprocess.Popen([PROGRAM, "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=self.environment(NOTCH_PRELOAD="malloc_live")) as program:
            live = []
            for step in (b"nothing", b"everything", b"nothing"):
                said, usable = program.stdout.readline().split()
                self.assertEqual(said, step)
                live_agent.until(10, "a segment", lambda: self.agent.samples("libc_malloc_live_bytes"))
                now = self.count(self.agent.samples("libc_malloc_live_bytes"), "libc_malloc_live_bytes")
                live.append(now - int(usable))
                program.stdin.write(b"\n")
                program.stdin.flush()
            program.communicate(timeout=30)
        self.assertEqual(program.returncode, 0)
        self.assertEqual(live, [live[0]] * 3)

    def usage_by_valgrind(self, command, changes):
        """Calls and bytes, and the program's output."""
        run = subprocess.run(["valgrind", *command], capture_output=True, text=True, check=True, timeout=300,
                             env=live_agent.environment(**changes))
        words = re.search(r"total heap usage: ([\d,]+) allocs, [\d,]+ frees, ([\d,]+) bytes", run.stderr).groups()
        return [int(word.replace(",", "")) for word in words], run.stdout

    def test_valgrind_counts_the_same(self):
        # The environment differs, and so do the allocations at a program's start: the test compares two runs.
        for command, less, more, changes in (([PROGRAM], [], ["sizes", "moves"], {}),
                                             (PERL, ["1"], ["2000"], PERL_SETTINGS)):
            with self.subTest(command=command[0]):
                self.setUp()
                output, added = self.added([*command, *more], [*command, *less], changes)
                at_first, _ = self.usage_by_valgrind([*command, *less], changes)
                then, checked = self.usage_by_valgrind([*command, *more], changes)
                self.assertEqual(checked, output)
                self.assertGreater(added["malloc"][0], 5)
                self.assertEqual([sum(added[way][i] for way in WAYS) for i in (0, 1)],
                                 [now - before for now, before in zip(then, at_first)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
