#!/usr/bin/python3
"""notch run as a user runs it: with real programs, compiled here, and a small library that prints whether it was loaded;
and with the real library, up to an agent's page.
Called by: ctest, as notch_run_test.py NOTCHD NOTCH COMPILER.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import live_agent
import scratch
import text_page

NOTCHD = sys.argv.pop(1)
NOTCH, COMPILER = sys.argv.pop(1), sys.argv.pop(1)

# Says that it is there by a file, as printing could not be told from the program's own.
LIBRARY = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  const char* path = getenv("LOADED_MARK");
  if (path != NULL) close(open(path, O_CREAT | O_WRONLY, 0600));
}
"""
PROGRAM = r"""
#include <stdio.h>
int main(int argc, char** argv) {
  printf("%d %s\n", argc, argv[argc - 1]);
  return 7;
}
"""
NOBODY = 65534


class NotchRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Where this build's programs may run, others may: a tmpfs can forbid it.
        folder = tempfile.TemporaryDirectory(prefix="notch-run-", dir=os.path.dirname(NOTCH))
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.folder.chmod(0o755)
        directory = scratch.folder()  # of segments, so that nothing need be said of it
        cls.addClassCleanup(directory.cleanup)
        cls.directory = os.path.join(directory.name, "segments")
        os.chmod(directory.name, 0o755)
        os.mkdir(cls.directory)
        os.chmod(cls.directory, 0o3777)
        cls.library = cls.compiled("library.so", LIBRARY, "-shared", "-fPIC")
        cls.program = cls.compiled("program", PROGRAM)

    @classmethod
    def compiled(cls, name, source, *flags, compiler=COMPILER):
        target = cls.folder / name
        subprocess.run([compiler, "-x", "c", "-", "-o", target, *flags], input=source, text=True, check=True, timeout=60)
        return target

    def setUp(self):
        self.mark = self.folder / "mark"
        self.addCleanup(self.mark.unlink, missing_ok=True)

    def run_program(self, *command, flags=(), notch=NOTCH, library=True, **changes):
        if library:
            flags = ("--library", self.library, *flags)
        if "--dir" not in flags:
            changes.setdefault("NOTCH_DIR", self.directory)
        return subprocess.run([notch, "run", *flags, "--", *command], capture_output=True, text=True, check=False,
                              timeout=60, env=live_agent.environment(LOADED_MARK=str(self.mark), **changes))

    def assert_loaded(self, done, output, status=7):
        self.assertEqual((done.returncode, done.stdout, done.stderr), (status, output, ""))
        self.assertTrue(self.mark.exists())

    def assert_stepped_aside(self, done, why, output="1 {program}\n", status=7, program=None):
        """It ran all the same, without the library, after one line that says why."""
        self.assertRegex(done.stderr, rf"\Anotch: .*{why}.*: running it without metrics\n\Z")
        self.assertEqual((done.returncode, done.stdout), (status, output.format(program=program)))
        self.assertFalse(self.mark.exists())


class Preloads(NotchRun):
    def test_a_program_keeps_its_arguments_output_and_status(self):
        self.assert_loaded(self.run_program(self.program, "--", "--tls"), "3 --tls\n")

    def test_a_name_is_found_in_the_path(self):
        self.assert_loaded(self.run_program("true"), "", status=0)

    def test_scripts_get_it_by_their_interpreters(self):
        for name, text in (("shell", "#!/bin/sh\nexit 3\n"), ("env", "#!/usr/bin/env sh\nexit 3\n"),
                           ("plain", "exit 3\n")):
            with self.subTest(name):
                script = self.folder / name
                script.write_text(text)
                script.chmod(0o755)
                self.assert_loaded(self.run_program(script), "", status=3)
                self.mark.unlink()

    def test_the_users_own_preload_stays_behind_ours(self):
        # A notch that is itself built with a sanitizer would refuse to start under one.
        done = self.run_program("/usr/bin/env", LD_PRELOAD=f"{self.library} libm.so.6",
                                ASAN_OPTIONS="verify_asan_link_order=0")
        self.assertIn(f"LD_PRELOAD={self.library}:libm.so.6\n", done.stdout)

    def test_what_is_asked_for_is_in_the_environment(self):
        done = self.run_program("/usr/bin/env", flags=("--service", "a shop", "--dir", str(self.folder), "--modules", "io"))
        for line in ("NOTCH_SERVICE=a shop", f"NOTCH_DIR={self.folder}", "NOTCH_PRELOAD=io"):
            self.assertIn(line + "\n", done.stdout)

    def test_one_under_another_loads_it_once(self):
        inner = [NOTCH, "run", "--library", self.library, "--", "/usr/bin/env"]
        self.assertIn(f"LD_PRELOAD={self.library}\n", self.run_program(*inner).stdout)

    def test_the_program_is_this_very_process(self):
        process = subprocess.Popen([NOTCH, "run", "--library", self.library, "--", "sh", "-c", "echo $$; read wait"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=live_agent.environment())
        with process:
            self.assertEqual(int(process.stdout.readline()), process.pid)
            process.send_signal(signal.SIGKILL)
        self.assertEqual(process.returncode, -signal.SIGKILL)

    def test_the_installed_library_is_found_beside_the_tool(self):
        prefix = self.folder / "prefix"
        (prefix / "bin").mkdir(parents=True)
        (prefix / "lib" / "notch").mkdir(parents=True)
        notch = shutil.copy(NOTCH, prefix / "bin" / "notch")
        done = self.run_program(self.program, notch=notch, library=False)
        self.assert_stepped_aside(done, "libnotch_preload.so is neither in", program=self.program)
        for name, flags in (("libnotch_preload.so", ()), ("libnotch_preload_tls.so", ("--tls",))):
            shutil.copy(self.library, prefix / "lib" / "notch" / name)
            link = self.folder / "notch-link"
            link.symlink_to(notch)
            self.assert_loaded(self.run_program(self.program, notch=link, library=False, flags=flags),
                               f"1 {self.program}\n")
            self.mark.unlink()
            link.unlink()

    def test_without_the_library_for_tls_all_else_is_measured(self):
        prefix = self.folder / "bare"
        (prefix / "bin").mkdir(parents=True)
        (prefix / "lib" / "notch").mkdir(parents=True)
        notch = shutil.copy(NOTCH, prefix / "bin" / "notch")
        shutil.copy(self.library, prefix / "lib" / "notch" / "libnotch_preload.so")
        done = self.run_program(self.program, notch=notch, library=False, flags=("--tls",))
        self.assertIn("libnotch_preload_tls.so is neither in", done.stderr)
        self.assertTrue(done.stderr.endswith(": handshakes and HTTP inside TLS are not measured\n"), done.stderr)
        self.assertEqual(done.stdout, f"1 {self.program}\n")
        self.assertTrue(self.mark.exists())

    def test_a_directory_that_is_not_there_is_said(self):
        done = self.run_program(self.program, flags=("--dir", "/nonexistent/notch"))
        self.assert_stepped_aside(done, "--dir /nonexistent/notch: No such file or directory", program=self.program)


class TheRealLibrary(NotchRun):
    """The one beside the tool in the build tree; nothing else is set up."""

    def setUp(self):
        super().setUp()
        self.agent = live_agent.Agent(NOTCHD, os.path.join(scratch.folder_of(self), "segments"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()

    def run_real(self, *command):
        return self.run_program(*command, library=False, flags=("--service", "copies", "--dir", self.agent.directory))

    def test_what_a_program_wrote_is_on_the_page(self):
        done = self.run_real("dd", "if=/dev/zero", "of=/dev/null", "bs=1000", "count=1000", "status=none")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        live_agent.until(30, "the fold", self.agent.all_folded)
        seen = self.agent.samples("libc_io_bytes_total")
        self.assertEqual(text_page.total(seen, "libc_io_bytes_total", 'operation="write"'), 1_000_000)
        self.assertTrue(all('service="copies"' in labels for _, labels in seen))

    def test_coverage_tells_what_does_not_pass_the_wrappers(self):
        """The same writes by libc and by naked system calls, which the library cannot see."""
        name = "notch_agent_preload_coverage_ratio"
        for call, low, high in (("write(1, block, sizeof block)", 0.9, 1.0),
                                ("syscall(SYS_write, 1, block, sizeof block)", 0.0, 0.1)):
            source = f"""#define _GNU_SOURCE
                #include <sys/syscall.h>
                #include <unistd.h>
                static char block[1 << 20];
                int main(void) {{
                  for (int i = 0; i < 8; ++i) if ({call} < 0) return 1;
                  pause();
                }}"""
            program = self.compiled("writer", source)
            with self.subTest(call), open("/dev/null", "wb") as null:
                command = [NOTCH, "run", "--service", call[:5], "--dir", self.agent.directory, "--", program]
                process = subprocess.Popen(command, stdout=null, env=live_agent.environment())
                try:
                    key = (name, f'service="{call[:5]}"')
                    live_agent.until(40, f"a share from {low} to {high}",
                                     lambda k=key, l=low, h=high: l <= self.agent.samples(name).get(k, -1) <= h)
                finally:
                    process.kill()
                    process.wait()

    def test_a_program_it_steps_aside_for_has_no_metrics(self):
        program = self.compiled("static", PROGRAM, "-static")
        self.assert_stepped_aside(self.run_real(program), "is statically linked", program=program)
        self.assertEqual(self.agent.segment_names(), [])


class StepsAside(NotchRun):
    def test_static_programs(self):
        for flags in (["-static"], ["-static-pie"]):
            program = self.compiled("static", PROGRAM, *flags)
            self.assert_stepped_aside(self.run_program(program), "is statically linked", program=program)

    def test_programs_of_sanitizers_of_every_compiler(self):
        for compiler in ("gcc", "clang-14" if shutil.which("clang-14") else "clang"):
            if shutil.which(compiler) is None:
                self.fail(f"{compiler} is missing: install it")
            for sanitizer in ("address", "thread", "undefined"):
                with self.subTest(compiler=compiler, sanitizer=sanitizer):
                    # Shown to the undefined-behaviour checks, which leave nothing in a program without it.
                    source = PROGRAM.replace("return 7", "return argc * 7")
                    program = self.compiled("sanitized", source, f"-fsanitize={sanitizer}", compiler=compiler)
                    self.assert_stepped_aside(self.run_program(program), "is built with a sanitizer", program=program)

    def test_a_sanitized_program_under_an_outer_run_is_spared(self):
        if b"__asan_init" in pathlib.Path(NOTCH).read_bytes():
            self.skipTest("this notch is itself built with a sanitizer, and would not start")
        program = self.compiled("sanitized", PROGRAM, "-fsanitize=address", compiler="gcc")
        ours = shutil.copy(self.library, self.folder / "libnotch_preload.so")
        done = self.run_program(program, LD_PRELOAD=str(ours))
        self.assertEqual((done.returncode, done.stdout), (7, f"1 {program}\n"))

    def test_another_libc_and_its_missing_loader(self):
        program = self.compiled("musl", PROGRAM, "-Wl,--dynamic-linker=/lib/ld-musl-none.so.1")
        done = self.run_program(program)
        lines = done.stderr.splitlines()
        self.assertIn("is not linked with glibc (its loader is /lib/ld-musl-none.so.1)", lines[0])
        self.assertEqual((done.returncode, lines[1]), (127, f"notch: {program}: No such file or directory"))

    def test_programs_that_gain_privileges(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to make one")
        program = self.folder / "privileged"
        shutil.copy(self.program, program)
        os.chown(program, NOBODY, NOBODY)
        program.chmod(0o4755)
        if os.statvfs(program).f_flag & os.ST_NOSUID:
            self.assert_loaded(self.run_program(program), f"1 {program}\n")
        else:
            self.assert_stepped_aside(self.run_program(program), "gains privileges", program=program)

    def test_a_script_names_its_interpreter(self):
        interpreter = self.compiled("interpreter", PROGRAM, "-static")
        script = self.folder / "script"
        script.write_text(f"#!{interpreter}\n")
        script.chmod(0o755)
        self.assert_stepped_aside(self.run_program(script), f"is run by {interpreter}, which is statically linked",
                                  output=f"2 {script}\n")

    def test_an_environment_asked_for_stays(self):
        program = self.compiled("static", PROGRAM.replace("argv[argc - 1]", 'getenv("NOTCH_SERVICE")').replace(
            "<stdio.h>", "<stdio.h>\n#include <stdlib.h>"), "-static")
        done = self.run_program(program, flags=("--service", "shop"))
        self.assert_stepped_aside(done, "is statically linked", output="1 shop\n")


class Refuses(NotchRun):
    def assert_refused(self, done, status, words):
        self.assertEqual((done.returncode, done.stdout), (status, ""))
        self.assertIn(words, done.stderr)

    def test_a_program_that_is_not_there(self):
        self.assert_refused(self.run_program("nosuchprogram"), 127, "notch: nosuchprogram: not found in PATH")
        self.assert_refused(self.run_program("/no/such"), 127, "notch: /no/such: No such file or directory")

    def test_a_program_that_cannot_be_executed(self):
        self.assert_refused(self.run_program("/etc/passwd"), 126, "notch: /etc/passwd: Permission denied")
        self.assert_refused(self.run_program("/etc"), 126, "notch: /etc: Is a directory")
        broken = self.folder / "broken"
        broken.write_bytes(b"\x7fELF")
        broken.chmod(0o755)
        self.assert_refused(self.run_program(broken), 126, f"notch: {broken}: Exec format error")

    def test_a_wrong_word_of_the_environment_is_named_and_harms_nothing(self):
        done = self.run_program(self.program, NOTCH_PRELOAD="io,tcp")
        self.assertRegex(done.stderr, r'\Anotch: NOTCH_PRELOAD: "tcp" is not a module; the modules are io, [^\n]*\n\Z')
        self.assertEqual(done.returncode, 7)
        self.assertTrue(self.mark.exists())

    def test_wrong_usage(self):
        for arguments, words in (((), "no command is given"), (("nosuch",), '"nosuch" is not a command'),
                                 (("run",), "no program is given"), (("run", "ls"), "ls"),
                                 (("run", "--modules", "tcp", "--", "ls"), '"tcp" is not a module'),
                                 (("run", "--library", "/no/such.so", "--", "ls"), "--library: /no/such.so: No such"),
                                 (("run", "--library", "/etc/passwd", "--", "ls"), "is not a valid ELF file")):
            with self.subTest(arguments):
                done = subprocess.run([NOTCH, *arguments], capture_output=True, text=True, check=False, timeout=60)
                self.assert_refused(done, 2, words)
        self.assert_refused(self.run_program("ls", library=False, NOTCH_PRELOAD_LIBRARY="/no/such.so"), 2,
                            "NOTCH_PRELOAD_LIBRARY: /no/such.so: No such")

    def test_help_and_version(self):
        for arguments, words in ((["--help"], "run "), (["run", "--help"], "Exit codes"), (["--version"], "notch ")):
            done = subprocess.run([NOTCH, *arguments], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(words, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
