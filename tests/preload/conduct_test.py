#!/usr/bin/python3
"""Cancellation, errno and signal handlers work under the library as without it.
Called by: ctest, as conduct_test.py NOTCHD LIBRARY CANCEL_PROGRAM ERRNO_PROGRAM.
"""
import glob
import os
import pathlib
import re
import sys
import unittest

import preload_test_case

CANCEL_PROGRAM, ERRNO_PROGRAM = sys.argv.pop(1), sys.argv.pop(1)


CANCEL_SOURCE = os.path.join(os.path.dirname(__file__), "cancel_program.c")
TABLES = os.path.join(os.path.dirname(__file__), "../../client/preload/*wrappers.def")
# Rows of the table that cancel_program need not block in, and why.
NOT_BLOCKING = {
    "waits for a disk only, which ends by itself":
        "pread pread64 __pread_chk __pread64_chk preadv preadv64 pwrite pwrite64 pwritev pwritev64 fsync fdatasync",
    "no point of cancellation: it is over before the thread is": "sendfile sendfile64 copy_file_range",
    "no point of cancellation in libc, and its way inside libc is not ours":
        "getaddrinfo getnameinfo gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r",
    "waits for nobody": "shutdown getsockopt eventfd epoll_create epoll_create1 timerfd_create signalfd memfd_create "
                        "inotify_init1 socket socketpair pipe pipe2 dup dup2 dup3 close close_range closefrom malloc calloc "
                        "realloc free posix_memalign aligned_alloc memalign valloc pvalloc pthread_create prctl chroot setns "
                        "unshare pidfd_getfd setuid seteuid setreuid setresuid setfsuid capset",
    "no point of cancellation, though it may wait for a disk": "mount umount umount2",
    "a lock is no point of cancellation":
        "pthread_mutex_lock pthread_mutex_timedlock pthread_mutex_clocklock pthread_rwlock_rdlock "
        "pthread_rwlock_timedrdlock pthread_rwlock_clockrdlock pthread_rwlock_wrlock pthread_rwlock_timedwrlock "
        "pthread_rwlock_clockwrlock",
    "no point of cancellation, whatever call it makes": "syscall vfork",
    "ends the process": "_exit _Exit",
}


class Conduct(preload_test_case.PreloadTestCase):
    def test_threads_are_cancelled_in_every_blocking_wrapper(self):
        run = self.run_program([CANCEL_PROGRAM, self.folder])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))

    def test_no_blocking_wrapper_is_left_out(self):
        with open(CANCEL_SOURCE, encoding="utf-8") as source:
            blocked_in = set(re.findall(r"static void block_in_(\w+)\(void\)", source.read()))
        rows = "".join(pathlib.Path(path).read_text(encoding="utf-8") for path in glob.glob(TABLES))
        wrapped = re.findall(r"^NOTCH_WRAPPER\(\w+, [^,]+, (\w+), \(", rows, re.M)
        passed_over = {name for names in NOT_BLOCKING.values() for name in names.split()}
        self.assertGreater(len(wrapped), 80)
        self.assertEqual(sorted(blocked_in & passed_over), [])
        self.assertEqual(sorted(set(wrapped) - blocked_in - passed_over), [],
                         "cancel in it in cancel_program.c, or say here why not")
        self.assertEqual(sorted((blocked_in | passed_over) - set(wrapped)), [], "not in the table")

    def test_errno_and_handlers(self):
        told = os.path.join(self.folder, "writes")
        run = self.run_program([ERRNO_PROGRAM, told])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        with open(told, encoding="ascii") as file:
            writes = int(file.read())
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_operations_total", operation="write", kind="file"), writes)
        self.assertEqual(self.count(samples, "libc_io_errors_total", error_type="bad_descriptor"), 200)

    def test_a_program_that_closes_all_descriptors_still_counts(self):
        script = "import os; os.closerange(0, 1000); r, w = os.pipe(); os.write(w, b'x' * 12345)"
        self.assertEqual(self.run_program(["/usr/bin/python3", "-S", "-c", script]).returncode, 0)
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="pipe"), 12345)

    def test_a_program_that_may_not_see_the_directory_any_more_still_counts(self):
        script = ("import os; os.chroot('/proc'); os.chdir('/'); os.setuid(65534); "
                  "r, w = os.pipe(); os.write(w, b'x' * 54321)")
        if os.geteuid() != 0:
            self.skipTest("needs root for chroot")
        self.assertEqual(self.run_program(["/usr/bin/python3", "-S", "-c", script]).returncode, 0)
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="pipe"), 54321)


if __name__ == "__main__":
    unittest.main(verbosity=2)
