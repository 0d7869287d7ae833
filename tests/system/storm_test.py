"""The storm: instrumented processes and the agent are started and SIGKILLed at random moments, while scraped.

usage: storm_test.py --notchd PATH --worker PATH [--seconds N] [--seed N]

At every scrape no number has gone backwards and no row has vanished; at the end every sum equals what the
processes wrote down themselves. The seed is printed; NOTCH_SEED or --seed gives it.
"""
import argparse
import http.client
import mmap
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import storm_truth

SLOTS_EACH = 4
MOST_PROCESSES = 4000
MOST_ALIVE = 12


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(deadline_s, what, condition):
    """Polls; what is awaited is named when it does not come."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline_s} s")
        time.sleep(0.02)


class Agent:
    def __init__(self, program, directory):
        self.program, self.directory, self.port = program, directory, free_port()
        self.process, self.kills = None, 0
        self.log = open(os.path.join(os.path.dirname(directory), "notchd.log"), "ab")

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--dir", self.directory, "--listen", f"127.0.0.1:{self.port}", "--sweep-ms", "50"],
            stderr=self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def scrape(self):
        """A page, or None while the agent is not there."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read().decode()
            connection.close()
        except (OSError, http.client.HTTPException):
            return None
        if answer.status != 200:
            raise AssertionError(f"/metrics answered {answer.status}: {body[:200]}")
        return body


class Storm:
    def __init__(self, options, folder):
        self.random = random.Random(options.seed)
        self.worker = options.worker
        self.directory = os.path.join(folder, "segments")
        self.truth_path = os.path.join(folder, "truth")
        with open(self.truth_path, "wb") as file:
            file.truncate(MOST_PROCESSES * SLOTS_EACH * storm_truth.SLOT.size)
        self.truth_file = open(self.truth_path, "r+b")
        self.truth = mmap.mmap(self.truth_file.fileno(), 0)
        self.agent = Agent(options.notchd, self.directory)
        self.watch = storm_truth.Watch()
        self.alive = {}
        self.started = self.killed = 0

    def slots(self):
        return storm_truth.read_slots(self.truth, self.started * SLOTS_EACH)

    def start_worker(self):
        first = self.started * SLOTS_EACH
        environment = dict(os.environ, NOTCH_DIR=self.directory, NOTCH_SERVICE="storm")
        process = subprocess.Popen(
            [self.worker, self.truth_path, str(first), str(SLOTS_EACH), str(self.random.getrandbits(60))],
            env=environment, start_new_session=True)
        self.alive[process] = first
        self.started += 1

    def kill_worker(self, process):
        """Kills the whole session. Three times of four not inside a round, so that the truth is exact."""
        first = self.alive.pop(process)
        careful = self.random.random() < 0.75
        for _ in range(200 if careful else 0):
            self.signal(process, signal.SIGSTOP)
            time.sleep(0.0005)
            if not storm_truth.in_doubt(self.slots(), first, SLOTS_EACH):
                break
            self.signal(process, signal.SIGCONT)
            time.sleep(self.random.random() * 0.002)
        self.signal(process, signal.SIGKILL)
        process.wait()
        self.killed += 1

    @staticmethod
    def signal(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    def look(self):
        page = self.agent.scrape()
        if page is not None:
            self.watch.page(storm_truth.parse_page(page))
        return page

    def step(self):
        for process in [p for p in self.alive if p.poll() is not None]:
            del self.alive[process]
        choice = self.random.random()
        if choice < 0.40 and len(self.alive) < MOST_ALIVE and self.started < MOST_PROCESSES:
            self.start_worker()
        elif choice < 0.60 and self.alive:
            self.kill_worker(self.random.choice(list(self.alive)))
        elif choice < 0.68:
            self.agent.kill()
            time.sleep(self.random.random() * 0.05)
            self.agent.start()
        elif choice < 0.90:
            self.look()
        time.sleep(self.random.random() * 0.03)

    def settled(self):
        page = self.look()
        return page is not None and 'notch_agent_segments{state="live"} 0' in page and \
            'notch_agent_segments{state="dead"} 0' in page

    def finish(self):
        for process in list(self.alive):
            self.kill_worker(process)
        until(30, "all segments folded", self.settled)
        self.agent.kill()
        self.agent.start()
        until(30, "the agent's last start", lambda: self.look() is not None)
        return storm_truth.judge(storm_truth.parse_page(self.look()), self.slots())

    def stop(self):
        for process in list(self.alive):
            self.signal(process, signal.SIGKILL)
        if self.agent.process is not None:
            self.agent.process.kill()
            self.agent.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--notchd", required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NOTCH_SEED", time.time_ns() % 2**32)))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="notch-storm-", dir="/dev/shm")
    storm = Storm(options, folder)
    try:
        storm.agent.start()
        until(10, "the agent's first page", lambda: storm.agent.scrape() is not None)
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            storm.step()
        problems = storm.finish()
        slots = storm.slots()
        doubts = sum(1 for intent, done in slots if intent != done)
        print(f"{storm.started} processes, {storm.killed} killed, agent killed {storm.agent.kills} times, "
              f"{storm.watch.pages} pages, {sum(d for _, d in slots)} rounds, {doubts} slots in doubt")
        for problem in problems:
            print("WRONG:", problem)
        return 1 if problems else 0
    finally:
        storm.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
