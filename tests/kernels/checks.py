#!/usr/bin/python3
"""What is checked in a guest with another kernel: how programs count there, whether what they count is shown exactly,
which probes load, how exchanges are timed, what the host's figures say, and the tests of ctest that are asked for.
Run by: guest_init, as checks.py BUILD RESULTS TESTS, as root in a machine that is its own.

Says one line a check to the console: CHECK, name, outcome and what was seen, with tabs between. Each is bounded in time.
"""
import ctypes
import os
import re
import signal
import struct
import subprocess
import sys
import time
import traceback
import urllib.request

BUILD, RESULTS, TESTS = sys.argv[1:4]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import live_agent  # noqa: E402  (found through the line above)
import text_page  # noqa: E402

NOTCHD, NOTCH, JOBS = (os.path.join(BUILD, "bin", name) for name in ("notchd", "notch", "jobs"))
DIRECTORY = "/run/notch-checks"
CHECK_S, TEST_S = 240, 600
COUNTING_MODE_OFFSET = 76  # shm/FORMAT.md
AT_RSEQ_FEATURE_SIZE, MM_CID_END = 27, 28
MODES = {1: "by concurrency id", 2: "one column", 3: "by processor"}
JOBS_OF_A_RUN = 1000


def say(name, outcome, seen):
    with open("/dev/console", "w", encoding="utf-8") as console:
        console.write(f"\nCHECK\t{name}\t{outcome}\t{' '.join(str(seen).split())[:300]}\n")


class TooLong(Exception):
    pass


def bounded(*_):
    raise TooLong(f"not within {CHECK_S} s")


def check(name, body):
    signal.alarm(CHECK_S)
    try:
        say(name, "passed", body())
    except Exception as trouble:  # pylint: disable=broad-exception-caught
        traceback.print_exc()
        say(name, "FAILED", trouble or type(trouble).__name__)
    finally:
        signal.alarm(0)


def want(condition, words):
    if not condition:
        raise AssertionError(words)


def environment(service):
    return live_agent.environment(NOTCH_DIR=DIRECTORY, NOTCH_SERVICE=service)


def kernel():
    with open("/sys/devices/system/clocksource/clocksource0/current_clocksource", encoding="ascii") as file:
        return f"{os.uname().release}, {os.cpu_count()} processors, clock source {file.read().strip()}"


def counting_mode():
    """While no agent takes the segments of the dead away. The kernel says by its auxiliary vector what it keeps."""
    subprocess.run([JOBS], env=environment("first"), stdout=sys.stderr, check=True, timeout=CHECK_S)
    segments = [name for name in os.listdir(DIRECTORY) if name.endswith(".notch")]
    want(len(segments) == 1, f"{len(segments)} segments of one program")
    with open(os.path.join(DIRECTORY, segments[0]), "rb") as file:
        mode, = struct.unpack_from("<I", file.read(COUNTING_MODE_OFFSET + 4), COUNTING_MODE_OFFSET)
    has_ids = ctypes.CDLL(None).getauxval(AT_RSEQ_FEATURE_SIZE) >= MM_CID_END
    want(mode == (1 if has_ids else 3), f"{MODES.get(mode, mode)}; the kernel has concurrency ids: {has_ids}")
    return MODES[mode]


class Page:
    def __init__(self, agent):
        self.agent = agent

    def folded(self, prefix):
        live_agent.until(60, "all segments folded", self.agent.all_folded, 0.2)
        return self.agent.samples(prefix)

    def jobs(self):
        """The first run's, which no agent saw living, and those of three more at once."""
        runs = [subprocess.Popen([JOBS], env=environment("second"), stdout=sys.stderr) for _ in range(3)]
        want([run.wait(CHECK_S) for run in runs] == [0, 0, 0], "a program failed")
        samples = self.folded("jobs_")
        seen = [text_page.total(samples, name, f'service="{service}"')
                for name in ("jobs_done_total", "jobs_duration_seconds_count") for service in ("first", "second")]
        want(seen == [JOBS_OF_A_RUN, 3 * JOBS_OF_A_RUN] * 2, f"{seen} counted")
        return f"{int(seen[0] + seen[1])} of {4 * JOBS_OF_A_RUN} counted"

    def http_times(self):
        """An unmodified server under `notch run`: each answered request has a count and a duration that can be."""
        requests, port = 100, live_agent.free_port()
        begun = time.monotonic()
        server = subprocess.Popen([NOTCH, "run", "--", sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
                                  env=environment("web"), cwd=HERE, stdout=subprocess.DEVNULL, stderr=sys.stderr)
        try:
            live_agent.until(120, "the server's first answer", lambda: answers(port), 0.5)
            for _ in range(requests - 1):
                want(answers(port), "the server gave no answer")
        finally:
            server.terminate()
            server.wait(60)
        passed_s = time.monotonic() - begun
        samples = self.folded("http_server_")
        sized = text_page.total(samples, "http_server_response_body_size_bytes_count", 'service="web"')
        timed = text_page.total(samples, "http_server_request_duration_seconds_count", 'service="web"')
        total_s = text_page.total(samples, "http_server_request_duration_seconds_sum", 'service="web"')
        want((sized, timed) == (requests, requests), f"{sized:.0f} counted and {timed:.0f} timed of {requests}")
        want(0 < total_s < passed_s, f"{total_s} s for {requests} requests in {passed_s} s")
        return f"{timed:.0f} of {requests} requests timed, {total_s / requests * 1e3:.1f} ms each"

    def probes(self):
        samples = self.agent.samples("notch_ebpf_probe_")
        up = {labels: value for (name, labels), value in samples.items() if name == "notch_ebpf_probe_up"}
        refused = sorted(re.sub(r'"|probe=|reason=', "", labels).replace(",", " ")
                         for name, labels in samples if name == "notch_ebpf_probe_refused_info")
        want(up and not refused and all(up.values()), f"{', '.join(refused) or 'no probe'}")
        return f"all {len(up)}"

    def host(self):
        samples = self.agent.samples("node_")
        with open("/proc/meminfo", encoding="ascii") as file:
            total = 1024 * int(re.search(r"MemTotal: +(\d+)", file.read()).group(1))
        want(samples.get(("node_memory_MemTotal_bytes", "")) == total, f"{total} bytes of memory are shown otherwise")
        want(text_page.total(samples, "node_uname_info", f'release="{os.uname().release}"') == 1, "another kernel is shown")
        failed = [labels for (name, labels), value in samples.items()
                  if name == "node_scrape_collector_success" and value == 0]
        processors = {match.group(1) for name, labels in samples if name == "node_cpu_seconds_total"
                      for match in [re.search(r'cpu="(\d+)"', labels)]}
        want(len(processors) == os.cpu_count(), f"{len(processors)} processors of {os.cpu_count()}")
        return f"{len(samples)} samples" + (f"; without success: {' '.join(failed)}" if failed else "")


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return answer.status == 200 and bool(answer.read())
    except OSError:
        return False


TEST_LINE = re.compile(r"Test +#\d+: (\S+) \.*(?: +|\*\*\*)(Passed|Skipped|[A-Z].*?) +([\d.]+) sec")


def asked_tests():
    """Those of ctest, as they end; what they print is in the results."""
    if not TESTS:
        return
    command = ["ctest", "--test-dir", BUILD, "-R", f"^({TESTS})$", "--no-tests=error", "--output-on-failure",
               "--timeout", str(TEST_S)]
    with open(os.path.join(RESULTS, "tests"), "w", encoding="utf-8") as log:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        ended = 0
        for line in run.stdout:
            log.write(line)
            match = TEST_LINE.search(line)
            if match:
                ended += 1
                name, word, seconds = match.groups()
                outcome = {"Passed": "passed", "Skipped": "skipped"}.get(word, "FAILED")
                say(name, outcome, f"{word + ', ' if outcome == 'FAILED' else ''}{float(seconds):.0f} s")
        run.wait()
    if ended == 0:
        say("tests", "FAILED", f"no test ran (exit code {run.returncode})")


def kernel_log():
    log = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", check=True).stdout
    bad = [line for line in log.split("\n") if re.search(r"\b(BUG|WARNING:|Oops|Call Trace|segfault|general protection)", line)]
    want(not bad, bad[0] if bad else "")
    return "no complaint"


def main():
    signal.signal(signal.SIGALRM, bounded)
    check("kernel", kernel)
    os.mkdir(DIRECTORY)
    os.chmod(DIRECTORY, 0o3777)
    check("counting_mode", counting_mode)
    agent = live_agent.Agent(NOTCHD, DIRECTORY)
    page = Page(agent)
    try:
        check("agent", lambda: agent.start_and_wait(180) or "answers")
        for name in ("probes", "host", "jobs", "http_times"):
            check(name, getattr(page, name))
    finally:
        agent.end()
    asked_tests()
    check("kernel_log", kernel_log)
    say("end", "passed", "")


if __name__ == "__main__":
    main()
