#!/usr/bin/python3
"""The library beside other libraries: some call it from constructors that run first, one binds past it; and a program that
was started without the library opens it late.
Called by: ctest, as company_test.py NOTCHD LIBRARY EARLY_CALLS LATE_CALLS.
"""
import os
import re
import subprocess
import sys
import unittest

import live_agent
import preload_test_case
from preload_test_case import LIBRARY, NOTCHD

EARLY_CALLS, LATE_CALLS = sys.argv.pop(1), sys.argv.pop(1)
DD = ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=50"]
DEEP = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1], mode=os.RTLD_DEEPBIND)
r, w = os.pipe()
assert library.late_write(w, b'past', 4) == 4
os.write(w, b'seen!')
"""
OPENED_LATE = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
library = ctypes.CDLL(sys.argv[1])
r, w = os.pipe()
assert library.write(w, b'abc', 3) == 3
assert os.read(r, 10) == b'abc'
"""


class Company(preload_test_case.PreloadTestCase):
    def test_constructors_before_and_after_ours(self):
        for done, order in enumerate((f"{EARLY_CALLS}:{LIBRARY}", f"{LIBRARY}:{EARLY_CALLS}"), 1):
            with self.subTest(order=order):
                r, w = os.pipe()
                run = self.run_program(DD, {"LD_PRELOAD": order, "EARLY_CALLS_FD": str(w)}, pass_fds=[w])
                os.close(w)
                with os.fdopen(r, "rb") as told:
                    self.assertEqual(told.read(), b"thread\nearly\n")
                self.assertEqual(run.returncode, 0)
                samples = self.folded()
                self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="file"), 500 * done)

    def test_a_library_that_binds_deeply_is_not_seen_and_works(self):
        run = self.run_program(["/usr/bin/python3", "-S", "-c", DEEP, LATE_CALLS])
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="pipe"), 5)

    def test_an_agent_under_its_own_library_is_a_service_like_others(self):
        needed = subprocess.run(["readelf", "-d", NOTCHD], capture_output=True, text=True, check=True).stdout
        if re.search("lib[a-z]*san\\.so", needed):
            self.skipTest("a sanitizer's program must have its own library first")
        directory = os.path.join(self.folder, "watched")
        agent = live_agent.Agent(NOTCHD, directory)
        os.environ.update(LD_PRELOAD=LIBRARY)
        self.addCleanup(agent.end)
        try:
            agent.command[:0] = ["/usr/bin/env", f"NOTCH_DIR={self.agent.directory}", "NOTCH_SERVICE=agent"]
            agent.start_and_wait()
        finally:
            del os.environ["LD_PRELOAD"]
        run = self.run_program(DD, {"NOTCH_DIR": directory})
        self.assertEqual(run.returncode, 0)
        live_agent.until(20, "what it reads is on its page", lambda: self.count(
            agent.samples("libc_io_bytes"), "libc_io_bytes_total", operation="write", kind="file") == 500)
        self.assertEqual(agent.stop(), 0)
        samples = self.folded()
        self.assertGreater(self.count(samples, "libc_net_accepts_total", service="agent"), 0)
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)

    def test_opened_late_it_still_finds_libc(self):
        run = self.run_program(["/usr/bin/python3", "-S", "-c", OPENED_LATE, LIBRARY], {"LD_PRELOAD": ""})
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write"), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
