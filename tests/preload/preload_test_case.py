"""A test with one live agent and unmodified programs under the preloaded library.
Called by: the system tests of this folder, each as TEST.py NOTCHD LIBRARY ...
"""
import os
import re
import subprocess
import sys
import unittest

import live_agent
import scratch

NOTCHD, LIBRARY = sys.argv.pop(1), sys.argv.pop(1)
SERVICE = "tried"
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class PreloadTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.agent = live_agent.Agent(NOTCHD, os.path.join(self.folder, "segments"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()

    def environment(self, **changes):
        return live_agent.environment(**{"NOTCH_DIR": self.agent.directory, "NOTCH_SERVICE": SERVICE,
                                         "LD_PRELOAD": LIBRARY, **changes})

    def run_program(self, command, changes=None, **options):
        """Under the library, to its end; gives what subprocess.run gives."""
        return subprocess.run(command, env=self.environment(**(changes or {})), capture_output=True,
                              timeout=60, **options)

    def folded(self):
        """The page once every process is dead and counted."""
        live_agent.until(30, "all segments folded", self.agent.all_folded)
        return self.agent.samples("libc_")

    def count(self, samples, name, **labels):
        """The sum of the samples that have these labels."""
        return sum(value for (family, text), value in samples.items()
                   if family == name and labels.items() <= dict(LABEL.findall(text)).items())
