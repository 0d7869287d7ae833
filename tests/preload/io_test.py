#!/usr/bin/python3
"""The io module counts the known operations of unmodified programs.
Called by: ctest, as io_test.py NOTCHD LIBRARY.
"""
import os
import resource
import subprocess
import unittest

import preload_test_case

# Known bytes through every way the os module has; it prints nothing and exits 0.
MANY_WAYS = """
import os, socket, sys
path = sys.argv[1]
r, w = os.pipe()
for i in range(100):
    os.write(w, b'x' * 7)
for i in range(70):
    os.read(r, 10)
os.writev(w, [b'abc', b'de'])
os.readv(r, [bytearray(3), bytearray(10)])
os.set_blocking(r, False)
try:
    os.read(r, 1)
except BlockingIOError:
    pass
os.close(r)
import signal
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
try:
    os.write(w, b'lost')
except BrokenPipeError:
    pass
a, b = socket.socketpair()
os.write(a.fileno(), b's' * 11)
os.read(b.fileno(), 100)
fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
assert os.fstat(fd).st_mode & 0o777 == 0o600
os.pwrite(fd, b'f' * 1000, 0)
os.fsync(fd)
os.fdatasync(fd)
for i in range(3):
    os.pread(fd, 100, i)
os.preadv(fd, [bytearray(10), bytearray(20)], 0)
os.sendfile(a.fileno(), fd, 0, 500)
os.read(b.fileno(), 1000)
copy = os.open(path + '.copy', os.O_RDWR | os.O_CREAT, 0o600)
os.copy_file_range(fd, copy, 400, 0, 0)
os.close(copy)
try:
    os.write(copy, b'nowhere')
except OSError:
    pass
"""


class Io(preload_test_case.PreloadTestCase):
    def test_what_a_program_never_does_is_not_on_its_page(self):
        script = "import os\nr, w = os.pipe()\nos.write(w, b'x')"
        self.assertEqual(self.run_program(["/usr/bin/python3", "-S", "-c", script]).returncode, 0)
        samples = self.folded()

        def rows(**labels):
            return [value for (family, text), value in samples.items() if family.startswith("libc_io_")
                    and labels.items() <= dict(preload_test_case.LABEL.findall(text)).items()]

        self.assertEqual(rows(kind="socket"), [])
        self.assertEqual(rows(operation="fsync"), [])
        errors = rows(operation="write", kind="pipe", error_type="disconnected")
        self.assertEqual(errors, [0], "the errors of what it did are zeros, so that a first one is an increase")
        self.assertEqual(rows(operation="read", kind="pipe"), [])

    def operations(self, samples, operation, kind):
        labels = {"operation": operation, "kind": kind}
        return (self.count(samples, "libc_io_operations_total", **labels),
                self.count(samples, "libc_io_bytes_total", **labels))

    def test_dd_reads_and_writes_what_it_was_told_to(self):
        run = self.run_program(["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=1000", "count=5000"])
        self.assertEqual(run.returncode, 0)
        self.assertIn(b"5000+0 records in\n5000+0 records out\n", run.stderr)
        samples = self.folded()
        self.assertEqual(self.operations(samples, "write", "file"), (5000, 5_000_000))
        self.assertEqual(self.operations(samples, "read", "file"), (5000, 5_000_000))
        timed = self.count(samples, "libc_io_duration_seconds_count", operation="read", kind="file")
        self.assertGreater(timed, 0)
        self.assertLess(timed, 5000)

    def test_every_way_counts_with_its_kind(self):
        path = os.path.join(self.folder, "file")
        script = ["/usr/bin/python3", "-S", "-c"]
        bare = self.run_program([*script, "import os, socket, signal, sys", path])
        self.assertEqual((bare.returncode, bare.stdout, bare.stderr), (0, b"", b""))
        before = self.folded()
        run = self.run_program([*script, MANY_WAYS, path])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        after = self.folded()

        def more(operation, kind):
            one, other = self.operations(before, operation, kind), self.operations(after, operation, kind)
            return (other[0] - 2 * one[0], other[1] - 2 * one[1])

        self.assertEqual(more("write", "pipe"), (102, 705))
        self.assertEqual(more("read", "pipe"), (72, 705))
        self.assertEqual(more("write", "socket"), (2, 511))
        self.assertEqual(more("read", "socket"), (2, 511))
        self.assertEqual(more("write", "file"), (2, 1400))
        self.assertEqual(more("read", "file"), (6, 3 * 100 + 30 + 500 + 400))
        self.assertEqual(more("write", "other"), (1, 0))
        self.assertEqual(self.count(after, "libc_io_operations_total", operation="fsync", kind="file"), 2)
        self.assertEqual(self.count(after, "libc_io_duration_seconds_count", operation="fsync"), 2)

        def errors(operation, kind):
            return {word: self.count(after, "libc_io_errors_total", operation=operation, kind=kind, error_type=word)
                    for word in ("no_space", "device", "disconnected", "bad_descriptor", "other")
                    if self.count(after, "libc_io_errors_total", operation=operation, kind=kind, error_type=word)}

        self.assertEqual(errors("write", "pipe"), {"disconnected": 1})
        self.assertEqual(errors("read", "pipe"), {})
        self.assertEqual(errors("write", "other"), {"bad_descriptor": 1})

    def test_threads_count_exactly_in_columns_and_in_the_shared_one(self):
        script = ("import os, threading; fd = os.open('/dev/null', os.O_WRONLY)\n"
                  "def run():\n for i in range(5000): os.write(fd, b'12345678')\n"
                  "threads = [threading.Thread(target=run) for i in range(16)]\n"
                  "for t in threads: t.start()\nfor t in threads: t.join()")
        for done, tunables in enumerate(("", "glibc.pthread.rseq=0"), 1):
            with self.subTest(tunables=tunables):
                run = self.run_program(["/usr/bin/python3", "-S", "-c", script], {"GLIBC_TUNABLES": tunables})
                self.assertEqual((run.returncode, run.stderr), (0, b""))
                self.assertEqual(self.operations(self.folded(), "write", "file"), (80_000 * done, 640_000 * done))

    def test_a_full_device_is_an_error_of_space(self):
        run = self.run_program(["/bin/dd", "if=/dev/zero", "of=/dev/full", "bs=10", "count=1"])
        self.assertEqual(run.returncode, 1)
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_errors_total", operation="write", kind="file",
                                    error_type="no_space"), 1)

    def test_standard_descriptors_have_their_kinds(self):
        run = self.run_program(["/bin/dd", "bs=10", "count=3", "iflag=fullblock"], input=b"z" * 30)
        self.assertEqual((run.returncode, run.stdout), (0, b"z" * 30))
        samples = self.folded()
        self.assertEqual(self.operations(samples, "write", "pipe"), (3, 30))
        self.assertEqual(self.operations(samples, "read", "pipe")[1], 30)

    def test_a_disabled_library_makes_no_segment(self):
        for changes in ({"NOTCH_DISABLED": "1"}, {"NOTCH_PRELOAD": "none"}):
            run = self.run_program(["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=3"], changes)
            self.assertEqual(run.returncode, 0)
        self.assertEqual(self.agent.samples("libc_"), {})

    def test_a_missing_directory_is_silent(self):
        run = subprocess.run(["/bin/cat"], input=b"words", capture_output=True, check=True,
                             env=self.environment(NOTCH_DIR=os.path.join(self.folder, "nowhere")))
        self.assertEqual((run.stdout, run.stderr), (b"words", b""))

    def test_without_room_for_a_segment_it_is_passive_and_silent(self):
        def little_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        run = self.run_program(["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=3", "status=none"],
                               preexec_fn=little_room)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(self.agent.samples("libc_"), {})

    def test_only_debugging_says_why(self):
        nowhere = os.path.join(self.folder, "nowhere")
        run = self.run_program(["/bin/true"], {"NOTCH_DIR": nowhere, "NOTCH_DEBUG": "1"})
        self.assertIn(f"notch: no segment in {nowhere}".encode(), run.stderr)
        refused, nothing = b"notch: NOTCH_PRELOAD: no module: ", b"notch: nothing is measured: "
        for changes, said in (
                ({"NOTCH_PRELOAD": "io,nett"}, refused + b"nett\n"),
                ({"NOTCH_PRELOAD": "bogus"}, refused + b"bogus\n" + nothing + b"NOTCH_PRELOAD: bogus\n"),
                ({"NOTCH_PRELOAD": "none"}, nothing + b"NOTCH_PRELOAD: none\n"),
                ({"NOTCH_PRELOAD": "io,tls"},
                 b"notch: NOTCH_PRELOAD: tls is in libnotch_preload_tls.so, and not in this\n"),
                ({"NOTCH_DISABLED": "1"}, nothing + b"NOTCH_DISABLED is set\n")):
            with self.subTest(changes=changes):
                run = self.run_program(["/bin/true"], {**changes, "NOTCH_DEBUG": "1"})
                self.assertEqual(b"".join(line for line in run.stderr.splitlines(keepends=True)
                                          if b"notch: segment " not in line and b"tmpfs" not in line), said)
                self.assertEqual(self.run_program(["/bin/true"], {**changes, "NOTCH_DEBUG": "0"}).stderr, b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
