#!/usr/bin/python3
"""deploy/quickstart with programs that are built already ends by itself with numbers that agree, and leaves no files
or processes. Called by: ctest, as quickstart_test.py PROGRAMS_FOLDER.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import unittest

import live_agent

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.realpath(os.path.join(HERE, "..", "..", "deploy", "quickstart"))
PROGRAMS = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/bin"
DEADLINE_S = 120


def processes_with(environment_part):
    """Pids of the processes that were started with it in their environment or arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = b""
            for name in ("environ", "cmdline"):
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    text += file.read()
        except OSError:
            continue
        if environment_part.encode() in text:
            found.append(int(pid))
    return found


class Quickstart(unittest.TestCase):
    def start(self, *flags, listen=None):
        self.listen = listen or f"127.0.0.1:{live_agent.free_port()}"
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("NOTCH_")}
        process = subprocess.Popen(
            [SCRIPT, "--programs", PROGRAMS, "--listen", self.listen, *flags], text=True,
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        output, _ = process.communicate(timeout=DEADLINE_S)
        return output

    def read_folder(self, process):
        """Reads on until the script says where its segments are."""
        for line in process.stdout:
            match = re.search(r"segments in (/dev/shm/notch\.\w+)/", line)
            if match:
                return match.group(1)
        return self.fail("it never said where its segments are")

    def assert_nothing_left(self, folder):
        self.assertFalse(os.path.exists(folder), folder)
        self.assertEqual(processes_with(folder), [])

    def test_ends_by_itself_with_numbers_that_agree(self):
        process = self.start("--for", "5", "--seed", "3")
        folder = self.read_folder(process)
        output = self.finish(process)
        self.assertEqual(process.returncode, 0, output)
        self.assertRegex(output, r"processes: \d+ started, [1-9]\d* killed, [1-9]\d* replaced")
        self.assertIn("agrees: otlp_spans_created_total", output)
        self.assertIn("all spans are accounted for", output)
        self.assert_nothing_left(folder)

    def test_ctrl_c_stops_all_it_started(self):
        process = self.start()
        folder = self.read_folder(process)
        process.send_signal(signal.SIGINT)
        output = self.finish(process)
        self.assertEqual(process.returncode, 0, output)
        self.assert_nothing_left(folder)

    def test_a_port_in_use_gets_a_clear_message(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            process = self.start("--for", "1", listen=address)
            output = self.finish(process)
        self.assertEqual(process.returncode, 3, output)
        self.assertIn(f"{address} is in use", output)

    def test_wrong_usage_names_what_is_wrong(self):
        for flags, words in ((["--for", "soon"], 'not "soon"'), (["--listen", "x"], 'not "x"'),
                             (["--for"], "--for needs a value"), (["now"], "argument now"),
                             (["--programs", "/nonexistent"], '"/nonexistent"')):
            with self.subTest(flags=flags):
                run = subprocess.run([SCRIPT, *flags], capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn(words, run.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
