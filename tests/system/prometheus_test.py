#!/usr/bin/python3
"""The whole path up to a real Prometheus: processes count, and they and the agent are killed and replaced. The query API
returns the numbers that the processes wrote down themselves.

usage: prometheus_test.py --notchd PATH --worker PATH --mode with-native|without-native [--seed N]
"""
import argparse
import os
import random
import sys
import time

import live_agent
import live_prometheus
import scratch
import storm_truth
import storm_workers

ALIVE = 6
CHURN_S = 18
AGENT_EVERY_S = 4
NATIVE = "storm_native_bytes"


def churn(workers, agent, random_source):
    """Workers die by SIGKILL and are replaced; so does the agent, every few seconds."""
    end = time.monotonic() + CHURN_S
    next_agent = time.monotonic() + AGENT_EVERY_S
    while time.monotonic() < end:
        workers.forget_ended()
        while len(workers.alive) < ALIVE:
            workers.start()
        if random_source.random() < 0.4:
            workers.kill_one(careful=True)
        if time.monotonic() > next_agent:
            next_agent += AGENT_EVERY_S
            agent.kill()
            agent.start_and_wait()
        time.sleep(0.2)


def label_text(labels):
    """The labels as the exposition writes them, service first, without those Prometheus adds."""
    own = {n: v for n, v in labels.items() if n not in ("__name__", "job", "instance")}
    return ",".join(f'{name}="{own[name]}"' for name in sorted(own, key=lambda n: (n != "service", n)))


def page_of(prometheus, native):
    """Prometheus's instant values as the judge wants them."""
    page = {(labels["__name__"], label_text(labels)): value
            for labels, value in prometheus.query('{__name__=~"storm_.*(_total|_count|_bucket)"}')}
    if native:
        for labels, value in prometheus.query(f"histogram_count({NATIVE})"):
            page[NATIVE + "_count", label_text(labels)] = value
    return page


def counters_that_reset(prometheus, native):
    """What Prometheus took for a reset, and of how many counters it said."""
    # One by one: resets() drops the name, and without it labels would stand twice.
    names = [labels["__name__"] for labels, _ in
             prometheus.query('group by (__name__) ({__name__=~"storm_.*_(total|count|sum|bucket)"})')]
    queries = {name: f"resets({name}[5m])" for name in names}
    if native:
        queries[NATIVE] = f"resets(histogram_count({NATIVE})[5m:1s])"
        queries[NATIVE + " sum"] = f"resets(histogram_sum({NATIVE})[5m:1s])"
    found = [(name, *row) for name, query in queries.items() for row in prometheus.query(query)]
    return [f"{name}{labels} was reset {count:.0f} times" for name, labels, count in found if count], len(found)


def judge(prometheus, slots, native):
    page = page_of(prometheus, native)
    problems = storm_truth.judge(page, slots)
    reset, counters = counters_that_reset(prometheus, native)
    problems += reset
    own = sum(1 for name, _ in page if name == "storm_own_total")
    written = sum(1 for _, done in slots if done)
    if own < written:
        problems.append(f"{own} counters of slots, {written} slots were counted in")
    if counters < len(page):
        problems.append(f"resets() knew {counters} counters, there are {len(page)}")
    if prometheus.value("up") != 1:
        problems.append(f'up is {prometheus.value("up")}')
    has_native = prometheus.query(NATIVE + "_count") == [] and prometheus.query(f"histogram_count({NATIVE})") != []
    if has_native != native:
        problems.append(f"native histograms stored: {has_native}")
    # In every scrape the count is that of the buckets.
    if not native and prometheus.query('storm_size_bytes_count - ignoring(le) storm_size_bytes_bucket{le="+Inf"}'
                                       ' != 0'):
        problems.append("a classic histogram's count is not its last bucket")
    return problems


def wait_for_next_scrape(prometheus):
    """The page as it is now was scraped, not one before."""
    now = time.time()
    live_agent.until(30, "a scrape of the last page", lambda: (prometheus.value("timestamp(up)") or 0) > now)


def run(options, folder):
    source = random.Random(options.seed)
    native = options.mode == "with-native"
    directory = os.path.join(folder, "segments")
    agent = live_agent.Agent(options.notchd, directory)
    workers = storm_workers.Workers(options.worker, folder, directory, source)
    try:
        agent.start_and_wait()
        with live_prometheus.Prometheus(folder, agent.address, {"notch": "/metrics"}, native) as prometheus:
            prometheus.wait_for_scrapes()
            churn(workers, agent, source)
            for process in list(workers.alive):
                workers.kill(process, careful=True)
            live_agent.until(30, "all segments folded", agent.all_folded)
            wait_for_next_scrape(prometheus)
            problems = judge(prometheus, workers.slots(), native)
            scrapes = prometheus.value("count_over_time(up[5m])")
    finally:
        workers.end()
        agent.end()
    slots = workers.slots()
    print(f"{options.mode}: {workers.started} processes, {workers.killed} killed, agent killed {agent.kills} times, "
          f"{scrapes:.0f} scrapes, {sum(done for _, done in slots)} rounds, "
          f"{sum(intent != done for intent, done in slots)} slots in doubt")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--notchd", required=True)
    parser.add_argument("--worker", required=True)
    parser.add_argument("--mode", choices=("with-native", "without-native"), required=True)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("NOTCH_SEED", time.time_ns() % 2**32)))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with scratch.folder() as folder:
        problems = run(options, folder)
    for problem in problems:
        print("WRONG:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
