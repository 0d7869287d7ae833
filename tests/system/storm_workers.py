"""Processes of storm_worker, killed and replaced, and the file in which they write their own counts down.
Called by: storm_test, prometheus_test.
"""
import mmap
import os
import signal
import subprocess
import time

import live_agent
import storm_truth

SLOTS_EACH = 4
MOST_PROCESSES = 4000


class Workers:
    def __init__(self, program, folder, directory, random):
        self.program, self.directory, self.random = program, directory, random
        self.truth_path = os.path.join(folder, "truth")
        with open(self.truth_path, "wb") as file:
            file.truncate(MOST_PROCESSES * SLOTS_EACH * storm_truth.SLOT.size)
        with open(self.truth_path, "r+b") as file:
            self.truth = mmap.mmap(file.fileno(), 0)
        self.alive = {}
        self.started = self.killed = 0

    def slots(self):
        return storm_truth.read_slots(self.truth, self.started * SLOTS_EACH)

    def start(self):
        first = self.started * SLOTS_EACH
        process = subprocess.Popen(
            [self.program, self.truth_path, str(first), str(SLOTS_EACH), str(self.random.getrandbits(60))],
            env=live_agent.environment(NOTCH_DIR=self.directory, NOTCH_SERVICE="storm"), start_new_session=True)
        self.alive[process] = first
        self.started += 1

    def kill(self, process, careful):
        """Kills the whole session. If `careful`, not inside a round, so that the truth is exact."""
        first = self.alive.pop(process)
        for _ in range(200 if careful else 0):
            self._signal(process, signal.SIGSTOP)
            time.sleep(0.0005)
            if not storm_truth.in_doubt(self.slots(), first, SLOTS_EACH):
                break
            self._signal(process, signal.SIGCONT)
            time.sleep(self.random.random() * 0.002)
        self._signal(process, signal.SIGKILL)
        process.wait()
        self.killed += 1

    def kill_one(self, careful):
        self.kill(self.random.choice(list(self.alive)), careful)

    def forget_ended(self):
        for process in [p for p in self.alive if p.poll() is not None]:
            del self.alive[process]

    def end(self):
        for process in list(self.alive):
            self.kill(process, careful=False)

    @staticmethod
    def _signal(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
