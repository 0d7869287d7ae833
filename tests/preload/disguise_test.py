#!/usr/bin/python3
"""Programs to which a library (fakeroot, cwrap's uid_wrapper, libfaketime) shows another identity or time than the kernel's.
The agent asks the kernel and counts them; durations are by the true clock.
Called by: ctest, as disguise_test.py NOTCHD LIBRARY COUNTING_PROGRAM.
"""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import unittest

import live_agent
import preload_test_case
from preload_test_case import LIBRARY

COUNTING_PROGRAM = sys.argv.pop(1)
DD = ["dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=50", "status=none"]
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def library_of(pattern):
    """The library's path; skips the test where there is none."""
    found = max(glob.glob(f"/usr/lib/*/{pattern}"), default=None)
    if found is None:
        raise unittest.SkipTest(f"{pattern} is not installed")
    return found


class Disguise(preload_test_case.PreloadTestCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o711)
        self.user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
        reached = subprocess.run(["test", "-r", LIBRARY, "-a", "-x", COUNTING_PROGRAM], user=self.user, check=False)
        if reached.returncode != 0:
            self.skipTest("another user cannot reach the library here")

    def run_as_user(self, command, **changes):
        run = self.run_program(command, changes, user=self.user, cwd="/")
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        return run.stdout

    def assert_counted(self, libraries, prefix=(), **changes):
        """An unmodified program, and one that links the client: each started so, twice."""
        for _ in range(2):
            self.run_as_user([*prefix, *DD], LD_PRELOAD=":".join([LIBRARY, *libraries]), **changes)
            self.run_as_user([*prefix, COUNTING_PROGRAM, "7"], LD_PRELOAD=":".join(libraries), **changes)
        samples = self.folded() | self.agent.samples("test_program")
        self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="file"), 2 * 500)
        self.assertEqual(self.count(samples, "test_program_total"), 2 * 7)

    def test_another_user_by_fakeroot(self):
        if shutil.which("fakeroot") is None:
            self.skipTest("fakeroot is not installed")
        self.assertEqual(self.run_as_user(["fakeroot", "id", "-u"], LD_PRELOAD=""), b"0\n")
        self.assert_counted([], prefix=["fakeroot"])

    def test_another_user_by_uid_wrapper(self):
        wrapper = library_of("libuid_wrapper.so")
        changes = {"UID_WRAPPER": "1", "UID_WRAPPER_ROOT": "1"}
        self.assertEqual(self.run_as_user(["id", "-u"], LD_PRELOAD=wrapper, **changes), b"0\n")
        self.assert_counted([wrapper], **changes)

    def test_another_process_and_no_chance_by_faketime(self):
        """Two processes that are told one number and one and the same random bytes stay two."""
        library = library_of("faketime/libfaketimeMT.so.1")
        changes = {"FAKETIME": "-10d", "FAKETIME_FAKEPID": "77", "FAKERANDOM_SEED": "0x12345678DEADBEEF"}
        self.assertEqual(self.run_as_user(["python3", "-S", "-c", "import os; print(os.getpid())"], LD_PRELOAD=library,
                                          **changes), b"77\n")
        self.assert_counted([library], **changes)

    def test_durations_are_of_the_clock_of_the_wall(self):
        library = library_of("faketime/libfaketimeMT.so.1")
        path = os.path.join(self.folder, "full")
        for done, told in enumerate(("+0 x100", "2000-01-01 00:00:00"), 1):
            with self.subTest(told), socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
                listening.bind(path)
                os.chmod(path, 0o777)
                listening.listen(0)
                first.connect(path)
                begin = time.monotonic()
                environment = self.environment(LD_PRELOAD=f"{LIBRARY}:{library}", FAKETIME=told)
                with subprocess.Popen(["python3", "-S", "-c", CONNECT, path], env=environment) as program:
                    live_agent.until(10, "it waits to be accepted", lambda: self.waits_for_a_connection(program.pid))
                    waiting = time.monotonic()
                    time.sleep(0.3)
                    waited = time.monotonic() - waiting
                    listening.accept()[0].close()
                    listening.accept()[0].close()
                    self.assertEqual(program.wait(30), 0)
                most = time.monotonic() - begin
                os.unlink(path)
            samples = self.folded()
            self.assertEqual(self.count(samples, "libc_net_duration_seconds_count", operation="connect"), done)
            total = self.count(samples, "libc_net_duration_seconds_sum", operation="connect")
            seconds, before = total - getattr(self, "before", 0), total
            self.before = before
            self.assertGreaterEqual(seconds, waited * 0.99)
            self.assertLessEqual(seconds, most * 1.01)

    def waits_for_a_connection(self, pid):
        """It is asleep in connect()."""
        try:
            with open(f"/proc/{pid}/syscall", encoding="utf-8") as file:
                return file.read().split()[0] == str(42 if os.uname().machine == "x86_64" else 203)
        except FileNotFoundError:
            return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
