#!/usr/bin/python3
"""The README's commands for its program and for `notch run` run as they are printed, and their output is the printed one.
The test replaces only the ports and the folder of the programs.
Called by: ctest and machines/steps, as readme_test.py NOTCHD NOTCH README, all three absolute paths.
"""
import os
import re
import subprocess
import sys
import unittest

import live_agent
import scratch

NOTCHD, NOTCH, README = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
MOST_LINES = 9  # commands and output: it is to be read at a glance
PROGRAM = os.path.join(os.path.dirname(README), "client", "examples", "jobs.cc")
SERVED, SCRAPED = "8000", "9464"


def shown(program):
    """[(command, the lines it prints)] of the one block whose commands run build/release/bin/`program`."""
    with open(README, encoding="utf-8") as file:
        blocks = re.findall(r"^```\w*\n(.*?)^```", file.read(), re.M | re.S)
    (block,) = [block for block in blocks if re.search(rf"^\$ build/release/bin/{program}\b", block, re.M)]
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def untimed(line):
    """The line of a page, without its value where that depends on how fast the machine is."""
    name, _, value = line.rpartition(" ")
    is_timed = "_seconds_sum{" in name or ("_seconds_bucket{" in name and 'le="+Inf"' not in name)
    return name if is_timed else f"{name} {value}"


class FirstProgram(unittest.TestCase):
    BETWEEN = "--- between the outputs of two commands ---"

    def script(self, commands):
        """As a person types them, who waits until the agent serves; what was started ends with the script."""
        port = live_agent.free_port()
        yield 'trap \'kill $!; wait; rm -r "$NOTCH_DIR"\' EXIT'
        for command in commands:
            placed = command.replace("build/release/bin/", os.path.dirname(NOTCH) + "/").replace(f":{SCRAPED}", f":{port}")
            self.assertNotIn(SCRAPED, placed)
            yield placed
            if placed.endswith("&"):
                yield f"until curl -fs -o /dev/null http://127.0.0.1:{port}/-/ready; do kill -0 $! || exit; sleep 0.05; done"
            yield f"echo '{self.BETWEEN}'"

    def test_it_is_printed_whole(self):
        with open(README, encoding="utf-8") as readme, open(PROGRAM, encoding="utf-8") as program:
            self.assertIn(f"```cpp\n{program.read()}```\n", readme.read())

    def test_it_counts_what_is_shown(self):
        steps = shown("jobs")
        done = subprocess.run(["/bin/bash", "-c", "\n".join(self.script([command for command, _ in steps]))],
                              cwd=os.path.dirname(README), env=live_agent.environment(PATH="/usr/bin:/bin"),
                              capture_output=True, text=True, check=False, timeout=60)
        outputs = done.stdout.split(self.BETWEEN + "\n")[:-1]
        self.assertEqual(len(outputs), len(steps), done.stderr)
        self.assertGreater(len(steps[-1][1]), 1)
        for (command, lines), output in zip(steps, outputs):
            self.assertEqual(list(map(untimed, output.splitlines())), list(map(untimed, lines)), command)


class UnmodifiedProgram(unittest.TestCase):
    def setUp(self):
        folder = scratch.folder_of(self)
        self.agent = live_agent.Agent(NOTCHD, os.path.join(folder, "segments"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()
        self.port = live_agent.free_port()

    def placed(self, command):
        for printed, own in (("build/release/bin/", os.path.dirname(NOTCH) + "/"), (f":{SERVED}/", f":{self.port}/"),
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
        steps = shown("notch")
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
