#!/usr/bin/python3
"""deploy/local-stack's start and end: its messages and exit codes, and that it leaves no files or processes; and the
copies that deploy/hasten makes. Called by: ctest, as local_stack_start_test.py PROGRAMS_FOLDER.
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
        stack = self.start("--for", "2", "--node-exporter", "--limit", "HighMemoryUsage=1e9", "--limit", "MemoryUsageWarning=0.5")
        stack.read_folder()
        rules = os.path.join(stack.folder, "conf", "prometheus", "rules")
        for name, words in (("otlp_service", "otlp_system_memory_usage_bytes > 1e9\n"), ("otlp_thresholds", "usage:ratio > 0.5\n"),
                            ("otlp_thresholds", "usage:ratio > 0.90\n")):
            with open(os.path.join(rules, name + ".yml"), encoding="utf-8") as file:
                self.assertIn(words, file.read())
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
                             (["--limit", "HighMemoryUsage"], 'not "HighMemoryUsage"'), (["--limit", "High=1"], "no rule has an alert High"),
                             (["--programs", "/nonexistent"], '"/nonexistent"')):
            with self.subTest(flags=flags):
                run = subprocess.run([live_stack.SCRIPT, *flags], capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn(words, run.stderr)


class Hasten(unittest.TestCase):
    def hastened(self, text, factor="30", *limits):
        run = subprocess.run([HASTEN, factor, "/dev/stdin", *limits], input=text, capture_output=True, text=True, check=False)
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

    def test_a_limit_is_replaced_in_its_alert_alone(self):
        text = "".join(f"- alert: {name}\n  expr: {expression}\n  for: 1m\n" for name, expression in (
            ("Much", "x:y > 3.5 * 1024 * 1024"), ("MuchMore", "x:y > 7"), ("Down", "up == 0"), ("Few", 'z{a="<"} < 0.90')))
        self.assertEqual(self.hastened(text, "1", "Much=12.5", "Few=1e-3"), text.replace("3.5 * 1024 * 1024", "12.5").replace(
            "0.90", "1e-3").replace("1m", "60000ms"))
        for limit in ("Down=1", "Nobody=1"):
            run = subprocess.run([HASTEN, "1", "/dev/stdin", limit], input=text, capture_output=True, text=True, check=False)
            self.assertEqual((run.returncode, run.stdout), (2, ""))
            self.assertIn(f"no alert {limit[:-2]} that compares with a number", run.stderr)

    def test_wrong_usage(self):
        for argv in ([], ["x", "/dev/null"], ["0.5", "/dev/null"], ["2", "/nonexistent"], ["2", "/dev/null", "Much"], ["2", "/dev/null", "Much=x"]):
            self.assertEqual(subprocess.run([HASTEN, *argv], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    sys.exit(unittest.main())
