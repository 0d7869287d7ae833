"""Runs a scenario without and with the library: the outcome, and the system calls after start-up, must be the same.
Called by: every *_test.py of this folder that runs a program under the library.

A scenario is a function of a Stage. It returns a dictionary of all that can be seen from outside (exit status, output,
files, answers), in which it masks what differs in every run. The verdict:
 1. Runs without and with are compared, every key by its value. If all agree, that is the verdict.
 2. Else the program may not be deterministic: both are run ROUNDS - 1 times more. A key disagrees when at least two of
    the runs with the library gave a value that no run without it gave. Values that varied are printed.
 3. The same comparison under strace, with call_verdict's rule for the counts.
 4. A run with the library that left no segment proves nothing, and fails.

Arguments of such a test, before unittest's own: LIBRARY MARKER PROGRAMS NOTCHD.
Exit: 77 when it cannot run here, after a line that says why.
"""
import difflib
import os
import platform
import pprint
import shutil
import subprocess
import sys
import unittest

import call_verdict
import scratch
import stage

ROUNDS = 8  # at most, and only while they disagree
# System calls that the library adds, by the number of forks (not threads, not vfork) in the run without it.
FOR_A_FORK = {
    "mmap": (1, "the child fills the hole its parent's segment left"),
}
# By the number of threads. glibc keeps a thread's table of thread-local blocks on the heap, with an entry for each object that
# has some: 16 bytes more, which may be those that move the heap's end.
FOR_A_THREAD = {
    "brk": (1, "a thread's table of thread-local blocks has an entry more"),
}
# A vfork adds no call where the wrapper sees both its returns.
FOR_A_VFORK = {} if platform.machine() == "x86_64" else {
    "getpid": (8, "tells whether it is parent or child whose descriptors are closed and copied")}
# By the number of changes of user (setuid): a process that has no segment of its own yet looks whether the directory, and
# each folder above it, is open to whom it becomes.
FOR_A_NEW_USER = {
    "newfstatat": (16, "each folder's mode"),
    "faccessat2": (1, "whether it may be written to now"),
}
CALLS_OF_AN_ATTACHMENT = 60
LIBRARY, MARKER, PROGRAMS, NOTCHD = (sys.argv.pop(1) for _ in range(4))


class FaithfulCase(unittest.TestCase):
    account = None          # whom the programs run as; None: whoever runs the test
    expects_segments = True  # False: the library must make no segment; None: it may make one or not

    def setUp(self):
        self.folder = scratch.folder_of(self)
        os.chmod(self.folder, 0o755)
        self.library, self.marker = LIBRARY, MARKER
        # Copies: another account may not be able to reach the build tree.
        if may_execute_in(self.folder):
            self.library, self.marker = (shutil.copy(path, self.folder) for path in (LIBRARY, MARKER))

    def assert_faithful(self, scenario, trace=True):
        self.assert_same_outcome(scenario)
        if trace:
            self.assert_same_calls(scenario)

    def preload_of(self, preloaded, traced):
        """LD_PRELOAD's libraries. Traced, it is as long without the library as with it: programs copy their environment
        to the heap, and the heap's growth is a system call. The loader passes over what is empty between colons."""
        others = [self.library] if preloaded else [""] * (len(self.library) + 1)
        return [self.marker, *others] if traced else [self.library] if preloaded else []

    def play(self, scenario, preloaded, traced):
        """One run: (outcome, stage)."""
        run = stage.Stage(self.folder, self.preload_of(preloaded, traced), traced, self.account)
        try:
            outcome = scenario(run)
        finally:
            run.close()
        if preloaded and self.expects_segments:
            self.assertGreater(run.segment_count(), 0, "the library left no segment: it was not in force")
        elif self.expects_segments is not None:
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
        for key in sorted(key for key in disagreeing if disagreeing[key]):
            print(f"  {key} varies: {_difference(bare, preloaded, key)}")
        guilty = [key for key, runs in sorted(disagreeing.items()) if runs >= 2]
        self.assertEqual(guilty, [], "\n".join(f"{key}: {_difference(bare, preloaded, key)}" for key in guilty))

    def assert_same_calls(self, scenario):
        bare, preloaded = [], []
        for _ in range(ROUNDS):
            bare.append(self.traced(scenario, False))
            preloaded.append(self.traced(scenario, True))
            allowed = {}
            for each, count in ((FOR_A_FORK, max(trace.forks for trace in bare)),
                                (FOR_A_THREAD, max(trace.threads for trace in bare)),
                                (FOR_A_VFORK, max(trace.vforks for trace in bare)),
                                (FOR_A_NEW_USER, max(trace.calls["setuid"] for trace in bare))):
                allowed |= {call: (more * count, why) for call, (more, why) in each.items() if count}
            disagreements = call_verdict.disagreements(
                [trace.calls for trace in bare], [trace.calls for trace in preloaded], allowed)
            if not disagreements:
                break
        print(f"{self.id()}: {call_verdict.summary([t.calls for t in bare], [t.calls for t in preloaded], allowed)}")
        self.maxDiff = None
        self.assertEqual([text for _, text in disagreements], [])
        for trace in preloaded:
            self.assert_attachments_few(trace)

    def assert_attachments_few(self, trace):
        print(f"  segments made by forked children: {len(trace.attachments)} of {trace.forks} forks, "
              f"calls each: {sorted(set(trace.attachments))}", flush=True)
        self.assertLessEqual(len(trace.attachments), trace.forks, "a segment is made at start-up or after a fork only")
        self.assertLessEqual(max(trace.attachments, default=0), CALLS_OF_AN_ATTACHMENT)

    def traced(self, scenario, preloaded):
        _, run = self.play(scenario, preloaded, True)
        trace = run.trace()
        self.assertGreater(trace.programs, 0, "no program reached the marker: nothing was compared")
        return trace


def _values(runs, key):
    return list({pprint.pformat(run.get(key, "nothing")): None for run in runs})


def _disagreeing_runs(bare, preloaded):
    """{key: how many runs with the library gave what none without gave}"""
    keys = set().union(*bare, *preloaded)
    return {key: sum(1 for run in preloaded
                     if run.get(key) not in [other.get(key) for other in bare]) for key in keys}


def _difference(bare, preloaded, key, most=2000):
    """The values there were; of two long ones what differs between them."""
    without, with_it = _values(bare, key), _values(preloaded, key)
    lines = [line for line in difflib.ndiff(without[0].splitlines(), with_it[-1].splitlines()) if line[0] in "+-"]
    text = f"{len(without)} kinds without, {len(with_it)} with the library; - the first without, + the last with\n" + \
           "\n".join("    " + line for line in lines)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def may_execute_in(folder):
    return not os.statvfs(folder).f_flag & os.ST_NOEXEC


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
    missing = [program for program in ("strace", *programs) if not shutil.which(program) and not os.path.exists(program)]
    if missing:
        skip(f"not installed: {' '.join(missing)}")
    if not tracing_works():
        skip("strace may not trace here")
    if root and os.geteuid() != 0:
        skip("only root can do it")
    unittest.main(verbosity=2)
