"""Events of process 1. A kernel can be built to run no program while one process runs: on the project's machines it is
process 1, whose threads' interrupts and switches no probe sees, and no count of missed events tells. The kernel's own
tracer does see them. Called by: truth_test.
"""
import glob
import os
import subprocess

import scratch


class FirstProcess:
    """Traces these events, as "irq/softirq_entry", while a thread of process 1 runs, until lines() is asked."""

    def __init__(self, case, events):
        self._folder = ""
        mount = scratch.folder_of(case)
        if subprocess.run(["mount", "-t", "tracefs", "none", mount], check=False, capture_output=True).returncode != 0:
            return  # no tracer: nothing is held to be hidden
        case.addCleanup(subprocess.run, ["umount", mount], check=True)
        self._folder = os.path.join(mount, "instances", f"notch-{os.getpid()}-{id(case)}")
        os.mkdir(self._folder)
        case.addCleanup(os.rmdir, self._folder)
        threads = (os.path.basename(task) for task in glob.glob("/proc/1/task/*"))
        condition = " || ".join(f"common_pid == {thread}" for thread in threads)
        for event in events:
            self._write(f"events/{event}/filter", condition)
            self._write(f"events/{event}/enable", "1")

    def _write(self, name, text):
        with open(os.path.join(self._folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def lines(self):
        if not self._folder:
            return []
        self._write("tracing_on", "0")
        with open(os.path.join(self._folder, "trace"), encoding="ascii", errors="replace") as file:
            return [line for line in file if not line.startswith("#")]
