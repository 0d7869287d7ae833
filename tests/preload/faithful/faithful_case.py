"""A scenario run without and with the library, and what must be the same: outcome, and system calls after start-up.
Called by: every *_test.py of this folder that runs a program under the library.

A scenario is a function of a Stage; it gives a dictionary of all that can be seen from outside (exit status, output,
files, answers), with what no two runs share masked away by the scenario itself. How it is judged:
 1. Runs without and with are compared, every key by its value. If all agree, that is the verdict.
 2. Else the program may not be deterministic: both are run ROUNDS - 1 times more. A key disagrees when at least two of
    the runs with the library gave what no run without it ever gave. What varied is printed.
 3. The same once more under strace, with call_verdict's rule for the counts.
 4. A run with the library that left no segment proves nothing, and fails.

Arguments of such a test, before unittest's own: LIBRARY MARKER PROGRAMS NOTCHD.
Exit: 77 when it cannot run here, after a line that says why.
"""
import os
import pprint
import shutil
import subprocess
import sys
import tempfile
import unittest

import call_verdict
import stage

ROUNDS = 4
LIBRARY, MARKER, PROGRAMS, NOTCHD = (sys.argv.pop(1) for _ in range(4))


class FaithfulCase(unittest.TestCase):
    account = None          # whom the programs run as; None: whoever runs the test
    expects_segments = True  # False where the library must stay out of it
    library_count = 1       # how often it stands in LD_PRELOAD

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="notch-faithful-", dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.chmod(self.folder, 0o755)
        # Copies: another account may not be able to reach the build tree.
        self.library, self.marker = (shutil.copy(path, self.folder) for path in (LIBRARY, MARKER))

    def assert_faithful(self, scenario, trace=True, allowed=None):
        """allowed: {call: (how many more, why)} for calls that the library is known to add."""
        self.assert_same_outcome(scenario)
        if trace:
            self.assert_same_calls(scenario, allowed)

    def preload_of(self, preloaded, traced):
        return ([self.marker] if traced else []) + ([self.library] * self.library_count if preloaded else [])

    def play(self, scenario, preloaded, traced):
        """One run: (outcome, stage)."""
        run = stage.Stage(self.folder, self.preload_of(preloaded, traced), traced, self.account)
        try:
            outcome = scenario(run)
        finally:
            run.close()
        if preloaded and self.expects_segments:
            self.assertGreater(run.segment_count(), 0, "the library left no segment: it was not in force")
        elif not self.expects_segments or not preloaded:
            self.assertEqual(run.segment_count(), 0, "a segment that must not be")
        return outcome, run

    def assert_same_outcome(self, scenario):
        bare, preloaded = [], []
        for _ in range(ROUNDS):
            bare.append(self.play(scenario, False, False)[0])
            preloaded.append(self.play(scenario, True, False)[0])
            disagreeing = _disagreeing_runs(bare, preloaded)
            if not any(disagreeing.values()):
                break
        print(f"{self.id()}: outcome: {len(bare[0])} values compared, {len(bare)} runs without and with", flush=True)
        for key in sorted(key for key in disagreeing if len(_values(bare, key)) > 1 or disagreeing[key]):
            print(f"  {key}: varies: {_short(_values(bare, key))} without, {_short(_values(preloaded, key))} with")
        guilty = [key for key, runs in sorted(disagreeing.items()) if runs >= 2]
        self.assertEqual(guilty, [], "\n".join(
            f"{key}:\n  without {_short(_values(bare, key))}\n  with    {_short(_values(preloaded, key))}" for key in guilty))

    def assert_same_calls(self, scenario, allowed=None):
        bare, preloaded = [], []
        for _ in range(ROUNDS):
            bare.append(self.traced_calls(scenario, False))
            preloaded.append(self.traced_calls(scenario, True))
            disagreements = call_verdict.disagreements(bare, preloaded, allowed)
            if not disagreements:
                break
        print(f"{self.id()}: {call_verdict.summary(bare, preloaded, allowed)}", flush=True)
        self.assertEqual([text for _, text in disagreements], [])

    def traced_calls(self, scenario, preloaded):
        _, run = self.play(scenario, preloaded, True)
        calls, programs = run.calls()
        self.assertGreater(programs, 0, "no program reached the marker: nothing was compared")
        return calls


def _values(runs, key):
    return list({pprint.pformat(run.get(key, "nothing")): None for run in runs})


def _disagreeing_runs(bare, preloaded):
    """{key: how many runs with the library gave what none without gave}"""
    keys = set().union(*bare, *preloaded)
    return {key: sum(1 for run in preloaded
                     if run.get(key) not in [other.get(key) for other in bare]) for key in keys}


def _short(values, most=1500):
    text = " | ".join(values)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def built_with_sanitizer(path):
    symbols = subprocess.run(["readelf", "--wide", "--dyn-syms", path], check=True, stdout=subprocess.PIPE, text=True)
    return any(name in symbols.stdout for name in ("__asan_", "__tsan_", "__ubsan_"))


def tracing_works():
    try:
        return subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0
    except FileNotFoundError:
        return False


def skip(reason):
    print(f"skipped: {os.path.basename(sys.argv[0])}: {reason}", flush=True)
    sys.exit(77)


def main(*programs, root=False):
    """programs: what must be installed. root: nothing can be done without it."""
    if built_with_sanitizer(LIBRARY):
        skip("built with a sanitizer, whose run time would have to come first in every program")
    missing = [program for program in ("strace", *programs) if not shutil.which(program) and not os.path.exists(program)]
    if missing:
        skip(f"not installed: {' '.join(missing)}")
    if not tracing_works():
        skip("strace may not trace here")
    if root and os.geteuid() != 0:
        skip("only root can do it")
    unittest.main(verbosity=2)
