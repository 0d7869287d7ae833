"""The storm: instrumented processes and the agent are started and SIGKILLed at random moments, while scraped.

usage: storm_test.py --notchd PATH --worker PATH [--seconds N] [--seed N] [--deadline-s N] [--alive N]

At every scrape no counter is below its former value and no row is missing. At the end every sum equals the numbers that
the processes wrote down themselves. The test prints its seed; NOTCH_SEED or --seed sets it.
"""
import argparse
import os
import random
import sys
import time

import live_agent
import scratch
import storm_truth
import storm_workers

LEAST_PAGES = 10  # between which nothing may go backwards
MOST_UNHEARD = 3  # agents in a row that are killed before they answered


class Storm:
    def __init__(self, options, folder):
        self.random = random.Random(options.seed)
        directory = os.path.join(folder, "segments")
        self.workers = storm_workers.Workers(options.worker, folder, directory, self.random)
        self.agent = live_agent.Agent(options.notchd, directory)
        self.watch = storm_truth.Watch()
        self.deadline_s = options.deadline_s
        self.most_alive = options.alive
        self.pages_before_agent = self.unheard = 0

    def look(self):
        page = self.agent.scrape()
        if page is not None:
            self.watch.page(storm_truth.parse_page(page), self.agent.kills)
        return page

    def has_answered(self):
        """The running agent. On a slow machine there would be no page if every agent were killed before it answers."""
        return self.watch.pages > self.pages_before_agent

    def rage(self, seconds):
        """Runs for that time, and until there are enough pages to compare; the last pages come from an agent that is not killed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.watch.pages < LEAST_PAGES:
            if time.monotonic() > end + 2 * self.deadline_s:
                raise AssertionError(f"{self.watch.pages} pages in {seconds + 2 * self.deadline_s} s")
            self.step(time.monotonic() < end)

    def step(self, kills_agent):
        workers = self.workers
        workers.forget_ended()
        choice = self.random.random()
        if choice < 0.40 and len(workers.alive) < self.most_alive and workers.started < storm_workers.MOST_PROCESSES:
            workers.start()
        elif choice < 0.60 and workers.alive:
            workers.kill_one(careful=self.random.random() < 0.75)
        elif choice < 0.68 and kills_agent and (self.has_answered() or self.unheard < MOST_UNHEARD):
            self.unheard = 0 if self.has_answered() else self.unheard + 1
            self.pages_before_agent = self.watch.pages
            self.agent.kill()
            time.sleep(self.random.random() * 0.05)
            self.agent.start()
        elif choice < 0.90:
            self.look()
        time.sleep(self.random.random() * 0.03)

    def settled(self):
        return self.look() is not None and self.agent.all_folded()

    def finish(self):
        for process in list(self.workers.alive):
            self.workers.kill(process, careful=self.random.random() < 0.75)
        live_agent.until(self.deadline_s, "all segments folded", self.settled)
        self.agent.kill()
        self.agent.start()
        page = live_agent.until(self.deadline_s, "the agent's last start", self.look)
        return storm_truth.judge(storm_truth.parse_page(page), self.workers.slots())

    def stop(self):
        self.workers.end()
        self.agent.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--notchd", required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NOTCH_SEED", time.time_ns() % 2**32)))
    parser.add_argument("--deadline-s", type=float, default=30, help="of each wait for the agent; more on a slow machine")
    parser.add_argument("--alive", type=int, default=12, help="processes at once; fewer on a slow machine")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = scratch.folder()
    storm = Storm(options, folder.name)
    try:
        storm.agent.start_and_wait(options.deadline_s)
        storm.rage(options.seconds)
        problems = storm.finish()
        slots = storm.workers.slots()
        doubts = sum(1 for intent, done in slots if intent != done)
        print(f"{storm.workers.started} processes, {storm.workers.killed} killed, "
              f"agent killed {storm.agent.kills} times, {storm.watch.pages} pages, {sum(d for _, d in slots)} rounds, {doubts} slots in doubt", flush=True)
        for problem in problems:
            print("WRONG:", problem)
        return 1 if problems else 0
    finally:
        storm.stop()
        folder.cleanup()


if __name__ == "__main__":
    sys.exit(main())
