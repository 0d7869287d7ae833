#!/usr/bin/python3
"""What is checked in a guest with another kernel: how programs count there, whether what they count is shown exactly,
amid signals, moves, forks and kills too, which probes load, how exchanges are timed, what the host's figures say, and
the tests of ctest that are asked for.
Run by: guest_init, as checks.py BUILD RESULTS LIMIT_S TESTS, as root in a machine that is its own.

Says one line a check to the console: CHECK, name, outcome and what was seen, with tabs between. Each is bounded in time.
"""
import ctypes
import glob
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import traceback
import urllib.request

BUILD, RESULTS, LIMIT_S, TESTS = sys.argv[1:5]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import live_agent  # noqa: E402  (found through the line above)
import text_page  # noqa: E402

NOTCHD, NOTCH, JOBS = (os.path.join(BUILD, "bin", name) for name in ("notchd", "notch", "jobs"))
PROGRAMS = os.path.join(BUILD, "tests")
DIRECTORY = "/run/notch-checks"
CHECK_S, TEST_S = int(LIMIT_S) // 5, int(LIMIT_S) // 2
WAIT_S = CHECK_S // 2  # of one wait in a check
STORM_S = 10  # or more, until it has seen enough
COUNTING_MODE_OFFSET = 76  # shm/FORMAT.md
AT_RSEQ_FEATURE_SIZE, MM_CID_END = 27, 28
MODES = {1: "by concurrency id", 2: "one column", 3: "by processor"}
JOBS_OF_A_RUN = 1000
# Those that a program reads without a system call.
FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page")
# What a probe keeps with a socket or a task: the kind of its map (linux/bpf.h), and the first kernel that lets it.
KEPT_WITH = {"sockets": (24, (5, 11)), "tasks": (29, (5, 12))}


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


def clock_source():
    with open("/sys/devices/system/clocksource/clocksource0/current_clocksource", encoding="ascii") as file:
        return file.read().strip()


def kernel():
    return f"{os.uname().release}, {os.cpu_count()} processors, clock source {clock_source()}"


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


def recorded(name, tests):
    """Runs these tests of the client; gives what they recorded as numbers, each name's added up."""
    program, seen_path, numbers = "client_tests", os.path.join(RESULTS, f"{name}.json"), {}
    run = subprocess.run([os.path.join(PROGRAMS, program), f"--gtest_filter={tests}", f"--gtest_output=json:{seen_path}"],
                         env=live_agent.environment(), stdout=sys.stderr, check=False, timeout=CHECK_S)
    with open(seen_path, encoding="utf-8") as file:
        seen = [test for suite in json.load(file)["testsuites"] for test in suite["testsuite"]]
    failed = [test["name"] for test in seen if "failures" in test]
    want(seen and not failed and run.returncode == 0, f"{', '.join(failed) or program}: exit code {run.returncode}")
    for test in seen:
        for figure in ("signals", "moves", "children"):
            numbers[figure] = numbers.get(figure, 0) + int(test.get(figure, 0))
    return numbers


def threads():
    """That add while handlers that add interrupt them, and while they are moved; and that come and go."""
    numbers = recorded("threads", "Counting.*:-*NoRseq")
    want(numbers["signals"] and numbers["moves"], numbers)
    return f"{numbers['signals']} signals, {numbers['moves']} moves"


def forks():
    numbers = recorded("forks", "Fork.*")
    want(numbers["children"], numbers)
    return str(numbers["children"])


def storm():
    run = subprocess.run([sys.executable, "-B", os.path.join(HERE, "..", "system", "storm_test.py"), "--notchd", NOTCHD,
                          "--worker", os.path.join(PROGRAMS, "storm_worker"), "--seconds", str(STORM_S),
                          "--deadline-s", str(WAIT_S), "--alive", "3"],
                         env=live_agent.environment(), stdout=subprocess.PIPE, text=True, check=False, timeout=CHECK_S)
    print(run.stdout)
    numbers = re.search(r"(\d+) killed, agent killed (\d+) times, (\d+) pages", run.stdout)
    want(run.returncode == 0 and numbers, run.stdout or f"exit code {run.returncode}")
    killed, agents = map(int, numbers.groups()[:2])
    want(killed >= 5 and agents >= 1, run.stdout)
    return f"{killed} + {agents} killed"


class Page:
    def __init__(self, agent):
        self.agent = agent

    def folded(self, prefix):
        live_agent.until(WAIT_S, "all segments folded", self.agent.all_folded, 0.2)
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
            live_agent.until(WAIT_S, "the server's first answer", lambda: answers(port), 0.5)
            for _ in range(requests - 1):
                want(answers(port), "the server gave no answer")
        finally:
            server.terminate()
            server.wait(WAIT_S)
        passed_s = time.monotonic() - begun
        samples = self.folded("")
        sized = text_page.total(samples, "http_server_response_body_size_bytes_count", 'service="web"')
        timed = text_page.total(samples, "http_server_request_duration_seconds_count", 'service="web"')
        total_s = text_page.total(samples, "http_server_request_duration_seconds_sum", 'service="web"')
        want((sized, timed) == (requests, requests), f"{sized:.0f} counted and {timed:.0f} timed of {requests}")
        want(0 < total_s < passed_s, f"{total_s} s for {requests} requests in {passed_s} s")
        coarse = text_page.total(samples, "libc_clock_coarse_starts_total", 'service="web"')
        # Emulated, a fast one may be too slow as well.
        want(coarse == 1 or clock_source() in FAST_CLOCKS, f"timed by the fine clock, and that by {clock_source()}")
        print(f"{total_s / requests * 1e3:.1f} ms for each request")
        return f"{timed:.0f} timed{' coarsely' if coarse else ''}"

    def probes(self):
        samples = self.agent.samples("notch_ebpf_probe_")
        up = {labels: value for (name, labels), value in samples.items() if name == "notch_ebpf_probe_up"}
        refused = sorted(re.sub(r'"|probe=|reason=', "", labels).replace(",", " ")
                         for name, labels in samples if name == "notch_ebpf_probe_refused_info")
        want(up and not refused and all(up.values()), f"{', '.join(refused) or 'no probe'}")
        kinds, version = self.map_kinds(), tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
        kept = {with_what: kind in kinds for with_what, (kind, _) in KEPT_WITH.items()}
        wanted = {with_what: version >= since for with_what, (_, since) in KEPT_WITH.items()}
        want(kept == wanted, f"kept with them: {kept}, by this kernel's version {wanted}")
        return f"all {len(up)}" + ("" if all(kept.values()) else ", by key")

    def map_kinds(self):
        """Of the maps the agent holds in the kernel. Which way of two it loaded a probe is seen by them."""
        kinds = set()
        for path in glob.glob(f"/proc/{self.agent.process.pid}/fdinfo/*"):
            with open(path, encoding="utf-8", errors="replace") as file:
                kinds.update(map(int, re.findall(r"^map_type:\s*(\d+)$", file.read(), re.MULTILINE)))
        return kinds

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
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_S) as answer:
            return answer.status == 200 and bool(answer.read())
    except OSError:
        return False


TEST_LINE = re.compile(r"Test +#\d+: (\S+) \.*(?: +|\*\*\*)(Passed|Skipped|[A-Z].*?) +([\d.]+) sec")


def give_time():
    """To tests that have a deadline of their own, which ctest's flag does not move. The files are this guest's."""
    for path in glob.glob(os.path.join(PROGRAMS, "**", "CTestTestfile.cmake"), recursive=True):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r'\bTIMEOUT "\d+"', f'TIMEOUT "{TEST_S}"', text))


def asked_tests():
    """Those of ctest, as they end; what they print is in the results."""
    if not TESTS:
        return
    give_time()
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


OF_A_PAGE = ("probes", "host", "jobs", "http_times")
OF_PROGRAMS = (threads, forks, storm)


def main():
    signal.signal(signal.SIGALRM, bounded)
    check("kernel", kernel)
    os.mkdir(DIRECTORY)
    os.chmod(DIRECTORY, 0o3777)
    check("counting_mode", counting_mode)
    agent = live_agent.Agent(NOTCHD, DIRECTORY)
    page = Page(agent)
    try:
        check("agent", lambda: agent.start_and_wait(WAIT_S) or "answers")
        for name in OF_A_PAGE:
            check(name, getattr(page, name))
    finally:
        agent.end()
    for body in OF_PROGRAMS:
        check(body.__name__, body)
    asked_tests()
    check("kernel_log", kernel_log)
    say("end", "passed", "")


if __name__ == "__main__":
    main()
