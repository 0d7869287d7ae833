#!/usr/bin/python3
"""What the README shows of `notch run` is what a person sees: its commands run as printed, their output is the printed one.
Called by: ctest, as readme_test.py NOTCHD NOTCH README. Only the ports and the folder of the programs are put in their place.
"""
import os
import re
import subprocess
import sys
import unittest

import live_agent
import scratch

NOTCHD, NOTCH, README = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
HEADING = "## A program nobody touches"
MOST_LINES = 9  # commands and output: it is to be read at a glance
SERVED, SCRAPED = "8000", "9464"


def shown():
    """[(command, the lines it prints)] of the section's first block."""
    with open(README, encoding="utf-8") as file:
        section = file.read().split(HEADING)[1]
    block = re.search(r"^```\n(.*?)^```", section, re.M | re.S).group(1)
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


class Readme(unittest.TestCase):
    def setUp(self):
        folder = scratch.folder_of(self)
        self.agent = live_agent.Agent(NOTCHD, os.path.join(folder, "segments"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()
        self.port = live_agent.free_port()

    def placed(self, command):
        for printed, own in ((f"build/release/bin/{os.path.basename(NOTCH)}", NOTCH), (f":{SERVED}/", f":{self.port}/"),
                             (f" {SERVED} ", f" {self.port} "), (f":{SCRAPED}/", f":{self.agent.port}/")):
            command = command.replace(printed, own)
        return command

    def listens(self):
        with open("/proc/net/tcp", encoding="ascii") as table:
            return f"0100007F:{self.port:04X} 00000000:0000 0A" in table.read()

    def start(self, command):
        """What a shell does with a command that ends in &, and the wait of who types the next one."""
        server = subprocess.Popen(["/bin/sh", "-c", "exec " + command.rstrip("& ")], **self.surroundings(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        live_agent.until(20, f"{command} listens", self.listens)

    def surroundings(self):
        return {"cwd": os.path.dirname(README), "env": live_agent.environment(
            NOTCH_DIR=self.agent.directory, PATH="/usr/bin:/bin")}

    def test_a_server_and_a_few_curls(self):
        steps = shown()
        self.assertLessEqual(sum(1 + len(lines) for _, lines in steps), MOST_LINES)
        self.assertIn("notch run -- python3 -m http.server", steps[0][0])
        self.assertGreater(len(steps[-1][1]), 1)
        for command, lines in steps:
            with self.subTest(command):
                placed = self.placed(command)
                self.assertNotIn(f":{SERVED}/", placed)
                if placed.endswith("&"):
                    self.start(placed)
                    continue
                done = subprocess.run(["/bin/sh", "-c", placed], **self.surroundings(), capture_output=True, text=True,
                                      check=False, timeout=60)
                self.assertEqual(done.stderr, "")
                self.assertEqual(done.stdout.splitlines(), lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
