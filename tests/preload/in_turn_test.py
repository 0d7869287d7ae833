#!/usr/bin/python3
"""Programs that an unmodified program under the library starts, which notch run does not examine: programs with sanitizers,
of another libc, of other word sizes and languages. Each does what it does without the library.
Called by: ctest, as in_turn_test.py NOTCHD LIBRARY COMPILER.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import preload_test_case
from preload_test_case import LIBRARY

COMPILER = sys.argv.pop(1)
PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void* greet(void* with) {
  char* const text = (char*)malloc(10);
  strcpy(text, "hi");
  puts(text);
  free(text);
  return with;
}
int main(void) {
  pthread_t thread;
  FILE* const file = fopen("/dev/null", "w");
  pthread_create(&thread, NULL, greet, NULL);
  pthread_join(thread, NULL);
  fputs("x", file);
  fclose(file);
  puts("done");
  return 7;
}
"""
# Of the other word size, for a compiler that has no library of that size but libc's own.
NARROW = r"""
int puts(const char* text);
void exit(int status);
__attribute__((force_align_arg_pointer)) void _start(void) { puts("hi"); puts("done"); exit(7); }
"""
NARROW_LIBC, NARROW_LOADER = "/lib32/libc.so.6", "/lib/ld-linux.so.2"
# A sanitizer that finds nothing any more is harmed as well.
FAULTS = {"address": ("int main(int n, char** v) { char* p = (char*)malloc(9); free(p); return p[n]; }", "heap-use-after-free"),
          "thread": ("int x; void* add(void* a) { for (int i = 0; i < 99999; ++i) ++x; return a; }\n"
                     "int main(void) { pthread_t a, b; pthread_create(&a, 0, add, 0); pthread_create(&b, 0, add, 0);\n"
                     "pthread_join(a, 0); pthread_join(b, 0); return 0; }", "data race"),
          "leak": ("void* volatile lost; int main(void) { lost = malloc(99); lost = 0; return 0; }", "99 byte")}
NO_ORDER = {"ASAN_OPTIONS": "verify_asan_link_order=0"}


class InTurn(preload_test_case.PreloadTestCase):
    @classmethod
    def setUpClass(cls):
        # Where this build's programs may run, others may: a tmpfs can forbid it.
        folder = tempfile.TemporaryDirectory(prefix="in-turn-", dir=os.path.dirname(LIBRARY))
        cls.addClassCleanup(folder.cleanup)
        cls.programs = folder.name

    def compiled(self, name, *command, source=PROGRAM, libraries=("-pthread",)):
        """The program's path; None where there is no such compiler, or none of its libraries."""
        path = os.path.join(self.programs, name)
        if shutil.which(command[0]) is None:
            return None
        done = subprocess.run([*command, "-g", "-o", path, "-x", "c", "-", "-x", "none", *libraries], input=source, text=True,
                              capture_output=True, check=False, timeout=60)
        return path if done.returncode == 0 else None

    def starts(self, program, changes):
        """What it does, started by a shell, by make, and by env in a shell's script."""
        makefile = os.path.join(self.folder, "Makefile")
        with open(makefile, "w", encoding="utf-8") as file:
            file.write(f"all:\n\t@{program}\n")
        for command in (["sh", "-c", f"{program}; exit $?"], ["env", "sh", "-c", f"(env {program}; exit 5)"],
                        ["make", "-s", "-f", makefile]):
            if shutil.which(command[0]) is not None:
                run = self.run_program(command, changes)
                yield run.returncode, run.stdout, run.stderr

    def assert_same(self, name, program, **changes):
        with self.subTest(name):
            bare = list(self.starts(program, {**changes, "LD_PRELOAD": ""}))
            self.assertIn(b"done", bare[0][1])
            self.assertEqual(list(self.starts(program, changes)), bare)

    def test_sanitizers(self):
        tried = []
        compilers = {os.path.realpath(found): found for found in map(shutil.which, (COMPILER, "g++", "clang-14", "clang"))
                     if found is not None}
        for compiler in compilers.values():
            for which in ("thread", "undefined", "leak", "memory"):
                program = self.compiled(f"{which}-{len(tried)}", compiler, f"-fsanitize={which}")
                if program is not None:
                    tried.append(f"{os.path.basename(compiler)} {which}")
                    self.assert_same(tried[-1], program)
            run_time = subprocess.run([compiler, "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True,
                                      text=True, check=True).stdout.strip()
            shared = ["-shared-libsan", f"-Wl,-rpath,{os.path.dirname(run_time)}"]
            for flags in (["-fsanitize=address"], ["-fsanitize=address", *shared]):
                program = self.compiled(f"address-{len(tried)}", compiler, *flags)
                if program is not None:
                    tried.append(f"{os.path.basename(compiler)} {' '.join(flags)}")
                    self.assert_same(tried[-1], program, **NO_ORDER)
        print("  " + ", ".join(tried), flush=True)
        self.assertGreaterEqual(len(tried), 4)

    def test_sanitizers_still_find_what_they_are_for(self):
        for which, (source, finding) in FAULTS.items():
            headers = "#include <pthread.h>\n#include <stdlib.h>\n"
            program = self.compiled(f"faulty-{which}", COMPILER, f"-fsanitize={which}", source=headers + source)
            if program is None:
                continue
            with self.subTest(which):
                run = self.run_program(["sh", "-c", f"{program}; exit $?"], NO_ORDER)
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(finding, run.stderr.decode())

    def test_another_libc(self):
        program = self.compiled("musl", "musl-gcc")
        if program is None:
            self.skipTest("musl-gcc is not installed")
        interpreter = subprocess.run(["readelf", "-l", program], capture_output=True, text=True, check=True).stdout
        self.assertIn("ld-musl", interpreter)
        self.assert_same("dynamic", program)
        self.assert_same("static", self.compiled("musl-static", "musl-gcc", "-static"))

    def test_programs_that_the_loader_leaves_out(self):
        for flags in (["-static"], ["-static-pie"], ["-no-pie"], ["-pg"]):
            self.assert_same(flags[0], self.compiled(flags[0][1:], COMPILER, *flags))

    @staticmethod
    def runs(program):
        try:
            return subprocess.run([program], capture_output=True, check=False).returncode == 7
        except OSError:  # the kernel has no such programs
            return False

    def test_the_other_word_size(self):
        """The loader says that it leaves the library out; with $LIB it finds an empty one, and says nothing."""
        program = self.compiled("narrow", "cc", "-m32", "-nostdlib", "-no-pie", "-fno-pie", f"-Wl,--dynamic-linker={NARROW_LOADER}",
                                source=NARROW, libraries=(NARROW_LIBC,))
        if program is None or not self.runs(program):
            self.skipTest("no 32-bit programs here")
        run = self.run_program(["sh", "-c", program + "; exit $?"])
        self.assertEqual((run.returncode, run.stdout), (7, b"hi\ndone\n"))
        self.assertRegex(run.stderr.decode(), r"\AERROR: ld\.so: object .* cannot be preloaded .*: ignored\.\n\Z")
        empty = self.compiled("empty.so", "cc", "-m32", "-shared", "-nostdlib", source="", libraries=())
        for lib in ("lib32", "lib/i386-linux-gnu", "lib/x86_64-linux-gnu", "lib64", "lib"):
            folder = os.path.join(self.programs, "prefix", lib, "notch")
            os.makedirs(folder, exist_ok=True)
            shutil.copy(LIBRARY if "64" in lib else empty, os.path.join(folder, "libnotch_preload.so"))
        preload = os.path.join(self.programs, "prefix/$LIB/notch/libnotch_preload.so")
        run = self.run_program(["sh", "-c", program + "; exit $?"], {"LD_PRELOAD": preload})
        self.assertEqual((run.returncode, run.stdout, run.stderr), (7, b"hi\ndone\n", b""))
        self.assertGreater(self.count(self.folded(), "libc_malloc_size_bytes_count"), 0, "the shell is measured")


if __name__ == "__main__":
    unittest.main(verbosity=2)
