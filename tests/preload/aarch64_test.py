#!/usr/bin/python3
"""The client and the preloaded library on aarch64: Debian's cross compiler compiles them, QEMU runs them, and this machine's
agent reads their segments. Called by: ctest, as aarch64_test.py NOTCHD BUILD_FOLDER SOURCE_FOLDER.

QEMU runs a process without restartable sequences, so all adds go to column 0. It ignores madvise, so the first commitment
of memory has room for one module at a time. The test compiles the instructions of the restartable section, but does not
run them.
"""
import os
import shutil
import subprocess
import sys
import unittest

import live_agent
import preload_test_case
import scratch

BUILD, SOURCE = sys.argv.pop(1), sys.argv.pop(1)
TRIPLET = "aarch64-linux-gnu"
SYSROOT = f"/usr/{TRIPLET}"


def skip(reason):
    print(f"skipped: aarch64_test: {reason}", flush=True)
    sys.exit(77)


class Aarch64(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.build = os.path.join(BUILD, "aarch64")
        configure = ["cmake", "-S", SOURCE, "-B", cls.build, "-G", "Ninja", "-DCMAKE_SYSTEM_NAME=Linux",
                     "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_C_COMPILER={TRIPLET}-gcc",
                     f"-DCMAKE_CXX_COMPILER={TRIPLET}-g++", "-DCMAKE_CXX_FLAGS=-O1", "-DNOTCH_WARNINGS_AS_ERRORS=ON",
                     *(f"-DNOTCH_BUILD_{part}=OFF" for part in ("AGENT", "TESTS", "BENCH"))]
        for command in (configure, ["cmake", "--build", cls.build, "--target", "notch_preload", "jobs", "jobs_c"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-2000:]}")
        cls.library = os.path.join(cls.build, "lib", "libnotch_preload.so")

    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.agent = live_agent.Agent(preload_test_case.NOTCHD, os.path.join(self.folder, "segments"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()

    def run_there(self, program, *arguments, **environment):
        """To its end; `environment` is the program's alone, not QEMU's."""
        told = {"LD_LIBRARY_PATH": os.path.join(self.build, "lib"), **environment}
        settings = [word for name, value in told.items() for word in ("-E", f"{name}={value}")]
        done = subprocess.run(["qemu-aarch64", "-L", SYSROOT, *settings, program, *arguments], check=False, timeout=60,
                              capture_output=True, env=live_agent.environment(NOTCH_DIR=self.agent.directory))
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def page(self, prefix):
        live_agent.until(30, "all segments folded", self.agent.all_folded)
        return self.agent.samples(prefix)

    def test_programs_that_link_the_client_count_exactly(self):
        for program in ("jobs", "jobs_c"):
            self.run_there(os.path.join(self.build, "bin", program))
        samples = self.page("jobs_")
        for program in ("jobs", "jobs_c"):
            self.assertEqual(samples["jobs_done_total", f'service="{program}"'], 1000)
            self.assertEqual(samples["jobs_duration_seconds_count", f'service="{program}"'], 1000)

    def test_a_program_under_the_library_is_as_it_was_and_its_writes_arrive(self):
        program, told = os.path.join(self.folder, "errno"), os.path.join(self.folder, "writes")
        subprocess.run([f"{TRIPLET}-gcc", "-O1", "-w", os.path.join(SOURCE, "tests/preload/errno_program.c"), "-o", program],
                       check=True)
        self.run_there(program, told, LD_PRELOAD=self.library, NOTCH_PRELOAD="io", NOTCH_SERVICE="there")
        with open(told, encoding="ascii") as file:
            writes = int(file.read())
        samples = self.page("libc_io_")
        self.assertGreater(writes, 1000)
        self.assertEqual(samples["libc_io_operations_total", 'service="there",kind="file",operation="write"'], writes)

    def test_every_module_starts_and_the_program_goes_on(self):
        program, told = os.path.join(self.folder, "errno"), os.path.join(self.folder, "writes")
        subprocess.run([f"{TRIPLET}-gcc", "-O1", "-w", os.path.join(SOURCE, "tests/preload/errno_program.c"), "-o", program],
                       check=True)
        self.run_there(program, told, LD_PRELOAD=self.library)

    def test_the_library_needs_no_more_than_on_the_other_processor(self):
        needed = subprocess.run(["readelf", "-Wd", self.library], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("stdc++", needed)
        self.assertNotIn("libgcc", needed)
        self.assertNotIn("TEXTREL", needed)


if __name__ == "__main__":
    missing = [program for program in (f"{TRIPLET}-g++", "qemu-aarch64", "ninja") if shutil.which(program) is None]
    if missing:
        skip(f"not installed: {' '.join(missing)}")
    unittest.main(verbosity=2)
