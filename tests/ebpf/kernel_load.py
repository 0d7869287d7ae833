"""A process of kernel_load.cc, and the words for how far a figure is from the truth. Called by: truth_test, and
host_truth_test of tests/system.
"""
import os
import subprocess

import live_agent


def report(figure, shown, truth, unit=""):
    print(f"error: {figure}: {shown:.9g}{unit} shown, {truth:.9g}{unit} true, {shown - truth:+.3g}{unit}", flush=True)


class Load:
    """An attached process that does what it is told."""

    def __init__(self, program, directory):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=live_agent.environment(NOTCH_DIR=directory, NOTCH_SERVICE="load"))

    def do(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("not understood"):
            raise AssertionError(f"{words}: {answer or 'kernel_load is gone'}")
        return answer

    def end(self):
        """Gives the seconds of processor time it used, as the kernel tells who waits for it."""
        if self.process.poll() is not None:
            return 0
        self.process.stdin.close()
        _, _, used = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.process.stdout.close()
        return used.ru_utime + used.ru_stime
