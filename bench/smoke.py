#!/usr/bin/python3
"""Every benchmark program runs, and has the rows its claims read. No time is judged.

Called by: ctest. Usage: smoke.py PROGRAMS_FOLDER (bin/ of a build).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import claims  # noqa: E402  (found through the line above)
import results  # noqa: E402

PROGRAMS = sys.argv.pop() if len(sys.argv) > 1 else ""
BRIEFLY = ["--benchmark_min_time=0.01", "--benchmark_repetitions=2"]


class Smoke(unittest.TestCase):
    def rows_of(self, *command, **environment):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            subprocess.run([*command, f"--{self.out_flag(command)}={file.name}"], check=True,
                           capture_output=True, env={**os.environ, **environment})
            return results.read_rows(json.load(file))

    @staticmethod
    def out_flag(command):
        is_script = command[0].endswith(("agent_cost", "host_cost", "preload_call_bench", "preload_program_bench"))
        return "out" if is_script else "benchmark_out"

    def judge(self, program, rows):
        """Each claim on the program must be a number greater than 0."""
        found = [claim for claim in claims.all_claims(os.cpu_count()) if claim.program == program]
        self.assertTrue(found, f"no claim reads {program}")
        for claim in found:
            with self.subTest(claim.text):
                self.assertIsInstance(claim.met(claim.figure(rows)), bool)

    def judge_causes(self, programs):
        """Each claim on these programs can say why it would be missed."""
        for claim in claims.all_claims(os.cpu_count()):
            if claim.program in programs:
                with self.subTest(f"cause: {claim.text}"):
                    self.assertNotIn("nan", claim.cause(programs))

    def client_rows(self, program):
        return self.rows_of(os.path.join(PROGRAMS, "bench", program), *BRIEFLY)

    def test_client_programs(self):
        programs = {"add_ablation_bench": self.client_rows("add_ablation_bench")}
        for name in ("counter_add_bench", "histogram_observe_bench", "labelled_lookup_bench"):
            for program in (name, f"{name}_static"):
                with self.subTest(program):
                    programs[program] = self.client_rows(program)
                    self.judge(program, programs[program])
        self.judge_causes(programs)

    def test_a_row_whose_threads_took_turns_judges_no_claim(self):
        def entry(cpu_time, real_time):
            return {"name": "row/threads:2", "run_type": "iteration", "threads": 2, "time_unit": "ns",
                    "cpu_time": cpu_time, "real_time": real_time}
        met, turns = entry(10, 5), entry(4, 4)
        row = results.read_rows({"benchmarks": [turns, met, turns]})["row/threads:2"]
        self.assertEqual((row.repetitions, row.cpu_ns, row.together), (1, 10, 1))
        row = results.read_rows({"benchmarks": [turns, turns]})["row/threads:2"]
        self.assertEqual((row.repetitions, row.together), (2, 0.5))

    def test_a_part_is_never_more_than_the_whole(self):
        """Medians of a noisy run may have the library that only passes calls on as the slower of the two."""
        def cause(bare, passive, counted):
            times = zip(("bare", "passive", "counted"), (bare, passive, counted))
            rows = {f"read/{mode}": results.read_rows({"benchmarks": [{
                "name": "read", "run_type": "iteration", "threads": 1, "time_unit": "ns", "cpu_time": time,
                "real_time": time}]})["read"] for mode, time in times}
            claim, = (claim for claim in claims.all_claims(2) if ", read of 1 byte" in claim.text)
            return claim.cause({"preload_call_bench": rows})
        self.assertIn("5 of the 20 ns are the way", cause(100, 105, 120))
        for times in ((100, 139, 119.7), (100, 90, 120)):
            with self.subTest(times):
                self.assertIn("cannot be taken apart", cause(*times))

    def test_scrape(self):
        path = os.path.join(PROGRAMS, "bench", "scrape_bench")
        self.judge("scrape_bench", self.rows_of(path, *BRIEFLY, NOTCH_BENCH_SCALE="50"))

    def test_deaths(self):
        path = os.path.join(PROGRAMS, "bench", "deaths_bench")
        self.judge("deaths_bench", self.rows_of(path, "--benchmark_repetitions=2"))

    def test_attach(self):
        path = os.path.join(PROGRAMS, "bench", "attach_bench")
        self.judge("attach_bench", self.rows_of(path, *BRIEFLY))

    def test_ebpf(self):
        path = os.path.join(PROGRAMS, "bench", "ebpf_bench")
        if not os.path.exists(path) or os.geteuid() != 0:
            self.skipTest("no libbpf, or not root")
        rows = self.rows_of(path, NOTCH_BENCH_TURNS="2")
        self.judge("ebpf_bench", rows)
        self.judge_causes({"ebpf_bench": rows})
        self.assertGreater(rows["program/runqueue.sched_switch"].real_ns, 0)

    def test_agent_cost(self):
        self.judge("agent_cost", self.rows_of(
            os.path.join(HERE, "agent_cost"), f"--programs={PROGRAMS}", "--rest-s=0.5",
            "--segments=3", "--series=100"))

    def test_host_cost(self):
        rows = self.rows_of(os.path.join(HERE, "host_cost"), f"--programs={PROGRAMS}", "--batches=2", "--scrapes=3")
        self.judge("host_cost", rows)
        self.judge_causes({"host_cost": rows})
        self.assertGreater(rows["notch_host_page"].counters["rows"], 100)

    def test_preload_calls(self):
        rows = self.rows_of(os.path.join(HERE, "preload_call_bench"), f"--programs={PROGRAMS}",
                            "--repetitions=1", "--spawns=2")
        self.judge("preload_call_bench", rows)
        self.judge_causes({"preload_call_bench": rows})

    def test_preload_programs(self):
        missing = [name for name in ("redis-benchmark", "nginx", "wrk", "sqlite3", "perf") if shutil.which(name) is None]
        if missing:
            self.skipTest(f"not installed: {' '.join(missing)}")
        rows = self.rows_of(os.path.join(HERE, "preload_program_bench"), f"--programs={PROGRAMS}",
                            "--share=0.01", "--scale=0.1")
        self.judge("preload_program_bench", rows)
        self.judge_causes({"preload_program_bench": rows})
        self.judge_calls(rows)

    def judge_calls(self, rows):
        """What a request is known to call: the counts that causes are made of are no zeros."""
        calls = {name: rows[f"{name}/counted"].counters for name in ("redis_get", "nginx_small", "sqlite_insert", "compile")}
        self.assertGreaterEqual(calls["redis_get"]["reads"], 1)
        self.assertGreaterEqual(calls["redis_get"]["writes"], 1)
        self.assertGreaterEqual(calls["nginx_small"]["messages"], 1)
        self.assertGreater(calls["sqlite_insert"]["allocations"], 1)
        self.assertGreater(calls["compile"]["allocations"], 1000)


if __name__ == "__main__":
    unittest.main()
