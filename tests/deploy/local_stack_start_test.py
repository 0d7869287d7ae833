#!/usr/bin/python3
"""deploy/local-stack's start and end: its messages and exit codes, and that it leaves nothing; what deploy/hasten makes of a
file. Called by: ctest, as local_stack_start_test.py PROGRAMS_FOLDER.
"""

import os
import signal
import socket
import subprocess
import sys
import unittest

import live_stack
from live_stack import live_agent

PROGRAMS = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/bin"
HASTEN = os.path.join(os.path.dirname(live_stack.SCRIPT), "hasten")


class Start(unittest.TestCase):
    def start(self, *flags):
        stack = live_stack.Stack(PROGRAMS, *flags)
        self.addCleanup(stack.end)
        return stack

    def test_ends_by_itself_and_leaves_nothing(self):
        stack = self.start("--for", "2", "--node-exporter")
        stack.read_folder()
        output, _ = stack.process.communicate(timeout=60)
        self.assertEqual(stack.process.returncode, 0, output)
        self.assertFalse(os.path.exists(stack.folder))
        self.assertEqual(stack.pids(), [])

    def test_ctrl_c_stops_all_it_started(self):
        stack = self.start()
        stack.read_folder()
        # The last to start says nothing of itself: on a busy machine it, and what it starts, may be a moment behind.
        live_agent.until(20, "more than six processes", lambda: len(stack.pids()) > 6)
        stack.process.send_signal(signal.SIGINT)
        self.assertEqual(stack.process.wait(60), 0)
        self.assertFalse(os.path.exists(stack.folder))
        self.assertEqual(stack.pids(), [])

    def test_a_port_in_use_gets_a_clear_message(self):
        for offset in range(4):
            first = live_stack.free_ports()
            with self.subTest(offset=offset), socket.socket() as taken:
                taken.bind(("127.0.0.1", first + offset))
                taken.listen()
                run = subprocess.run([live_stack.SCRIPT, "--programs", PROGRAMS, "--ports", str(first)],
                                     capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual(run.returncode, 3, run.stderr)
                self.assertIn(f"127.0.0.1:{first + offset} is in use", run.stderr)

    def test_a_demonstration_that_does_not_start_ends_it(self):
        run = subprocess.run([live_stack.SCRIPT, "--programs", PROGRAMS, "--ports", str(live_stack.free_ports()), "--for", "60",
                              "--workers", "x"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(run.returncode, 6, run.stderr)
        self.assertIn('--workers does not take "x"', run.stderr)

    def test_wrong_usage_names_what_is_wrong(self):
        for flags, words in ((["--for", "soon"], 'not "soon"'), (["--faster", "0"], 'not "0"'), (["--notify", "x"], 'not "x"'),
                             (["--ports", "70000"], "not 70000"), (["--for"], "--for needs a value"), (["now"], "argument now"),
                             (["--programs", "/nonexistent"], '"/nonexistent"')):
            with self.subTest(flags=flags):
                run = subprocess.run([live_stack.SCRIPT, *flags], capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn(words, run.stderr)


class Hasten(unittest.TestCase):
    def hastened(self, text, factor="30"):
        run = subprocess.run([HASTEN, factor, "/dev/stdin"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_settings_ranges_and_offsets_are_divided(self):
        for given, made in (("scrape_interval: 15s", "scrape_interval: 500ms"), ("        for: 5m", "        for: 10000ms"),
                            ("    interval: 30s", "    interval: 1000ms"), ("group_wait: 10s", "group_wait: 333ms"),
                            ("expr: rate(x_total[5m])", "expr: rate(x_total[10000ms])"), ("(x offset 10m)", "(x offset 20000ms)"),
                            ("resolve_timeout: 1s", "resolve_timeout: 100ms"), ("group_wait: 0s", "group_wait: 0ms")):
            self.assertEqual(self.hastened(given), made)

    def test_names_and_words_are_left(self):
        for given in ("record: a:b:rate5m", "description: more than 5m ago", "threshold: 100 ms"):
            self.assertEqual(self.hastened(given), given)

    def test_wrong_usage(self):
        for argv in ([], ["x", "/dev/null"], ["0.5", "/dev/null"], ["2", "/nonexistent"]):
            self.assertEqual(subprocess.run([HASTEN, *argv], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    sys.exit(unittest.main())
