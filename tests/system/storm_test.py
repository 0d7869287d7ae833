"""The storm: instrumented processes and the agent are started and SIGKILLed at random moments, while scraped.

usage: storm_test.py --notchd PATH --worker PATH [--seconds N] [--seed N]

At every scrape no number has gone backwards and no row has vanished; at the end every sum equals what the
processes wrote down themselves. The seed is printed; NOTCH_SEED or --seed gives it.
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

MOST_ALIVE = 12


class Storm:
    def __init__(self, options, folder):
        self.random = random.Random(options.seed)
        directory = os.path.join(folder, "segments")
        self.workers = storm_workers.Workers(options.worker, folder, directory, self.random)
        self.agent = live_agent.Agent(options.notchd, directory)
        self.watch = storm_truth.Watch()

    def look(self):
        page = self.agent.scrape()
        if page is not None:
            self.watch.page(storm_truth.parse_page(page), self.agent.kills)
        return page

    def step(self):
        workers = self.workers
        workers.forget_ended()
        choice = self.random.random()
        if choice < 0.40 and len(workers.alive) < MOST_ALIVE and workers.started < storm_workers.MOST_PROCESSES:
            workers.start()
        elif choice < 0.60 and workers.alive:
            workers.kill_one(careful=self.random.random() < 0.75)
        elif choice < 0.68:
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
        live_agent.until(30, "all segments folded", self.settled)
        self.agent.kill()
        self.agent.start()
        page = live_agent.until(30, "the agent's last start", self.look)
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
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = scratch.folder()
    storm = Storm(options, folder.name)
    try:
        storm.agent.start_and_wait()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            storm.step()
        problems = storm.finish()
        slots = storm.workers.slots()
        doubts = sum(1 for intent, done in slots if intent != done)
        print(f"{storm.workers.started} processes, {storm.workers.killed} killed, "
              f"agent killed {storm.agent.kills} times, {storm.watch.pages} pages, {sum(d for _, d in slots)} rounds, {doubts} slots in doubt")
        for problem in problems:
            print("WRONG:", problem)
        return 1 if problems else 0
    finally:
        storm.stop()
        folder.cleanup()


if __name__ == "__main__":
    sys.exit(main())
