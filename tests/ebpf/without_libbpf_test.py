#!/usr/bin/python3
"""The agent built without libbpf: everything else is as it is, and it says why there are no probes.
Called by: ctest, as without_libbpf_test.py NOTCHD_WITHOUT_LIBBPF SPOKEN_WORKER SOURCE_DIR.
"""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

SOURCE_DIR = sys.argv.pop(3)

import agent_test_case  # noqa: E402  (found through the line above)
import live_agent  # noqa: E402


class WithoutLibbpf(agent_test_case.AgentTestCase):
    def test_the_program_does_not_want_it(self):
        linked = subprocess.run(["ldd", agent_test_case.NOTCHD], check=True, capture_output=True, text=True).stdout
        self.assertIn("libc.so", linked)
        self.assertNotIn("libbpf", linked)

    def test_it_serves_all_else_and_names_the_reason(self):
        self.agent.start_and_wait()
        self.worker().say("counter", "attached_total")
        self.await_sample(1, "attached_total", 'service="shop"')
        self.assertEqual(set(self.agent.samples("notch_ebpf_probe_up").values()), {0})
        self.assertIn('reason="not_built"', str(self.agent.samples("notch_ebpf_probe_refused_info")))
        self.assertIn("this agent was built without libbpf", self.agent.log())
        self.assert_pages_sound()

    def test_require_ends_with_5(self):
        done = subprocess.run([agent_test_case.NOTCHD, "--dir", self.agent.directory, "--listen", self.agent.address,
                               "--ebpf", "require"], capture_output=True, text=True, check=False, timeout=60,
                              env=live_agent.environment())
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("this agent was built without libbpf", done.stderr)


class Build(agent_test_case.AgentTestCase):
    def configure(self, *flags):
        folder = os.path.join(self.folder, "build")
        return folder, subprocess.run(
            ["cmake", "-S", SOURCE_DIR, "-B", folder, "-G", "Ninja", "-DNOTCH_BUILD_TESTS=OFF", "-DNOTCH_BUILD_BENCH=OFF",
             *flags], capture_output=True, text=True, check=False, timeout=200)

    def commands(self, folder):
        return subprocess.run(["ninja", "-C", folder, "-t", "commands", "notchd"], check=True, capture_output=True,
                              text=True, timeout=60).stdout

    def test_off_builds_neither_against_libbpf_nor_with_clang(self):
        folder, done = self.configure("-DNOTCH_EBPF=off")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("without libbpf: notchd will have no probes", done.stdout)
        commands = self.commands(folder)
        self.assertIn("kernel_object_unsupported.cc", commands)
        for absent in ("-lbpf", "libbpf.so", "-target bpf", "compile_object", "bpftool"):
            self.assertNotIn(absent, commands)

    def test_auto_without_the_library_is_off_and_on_is_an_error(self):
        nowhere = {"PKG_CONFIG_LIBDIR": os.path.join(self.folder, "none")}
        os.mkdir(nowhere["PKG_CONFIG_LIBDIR"])
        # The other libraries stay findable: all description files but libbpf's.
        for folder in ("/usr/lib/x86_64-linux-gnu/pkgconfig", "/usr/lib/pkgconfig", "/usr/share/pkgconfig"):
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                if name != "libbpf.pc":
                    os.symlink(os.path.join(folder, name), os.path.join(nowhere["PKG_CONFIG_LIBDIR"], name))
        for word, code in (("auto", 0), ("on", 1)):
            with self.subTest(word):
                done = subprocess.run(
                    ["cmake", "-S", SOURCE_DIR, "-B", os.path.join(self.folder, word), "-G", "Ninja",
                     "-DNOTCH_BUILD_TESTS=OFF", "-DNOTCH_BUILD_BENCH=OFF", f"-DNOTCH_EBPF={word}"], text=True,
                    capture_output=True, check=False, timeout=200, env={**os.environ, **nowhere})
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn("libbpf", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
