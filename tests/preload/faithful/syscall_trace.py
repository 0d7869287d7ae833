"""What a tree of processes asked of the kernel after each program's start-up, from one `strace -f -o` file.
Called by: faithful_case, syscall_trace_test.

A program has started when start_marker.c's constructor has run: everything before (the dynamic loader, the
constructors of all libraries, ours among them) is start-up, everything after is the program. It keeps:
 1. A call is counted once, under its name, and with its error as "name!ERROR" when it failed.
 2. Nothing between a successful execve and the marker is counted; a child of fork or clone has started already.
 3. Signals ("SIGCHLD received"), ends ("exited with 0", "killed by SIGKILL") and execs are counted like calls, so
    that every process of the tree is compared, not only the first.
"""
import collections
import re

MARKER = "close(-20047)"

_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_ERROR = re.compile(r" = (?:-1|\?) (E[A-Z0-9]+)")
_SIGNAL = re.compile(r"--- (SIG\w+) ")
_END = re.compile(r"\+\+\+ (exited with \d+|killed by SIG\w+)")


class _Follower:
    def __init__(self):
        self.calls = collections.Counter()
        self.programs = 0            # execs that reached their marker
        self.starting = set()        # pids between execve and marker
        self.unfinished = {}         # pid: (name, did it begin before the marker)

    def line(self, pid, text):
        if text.startswith(MARKER):
            self.starting.discard(pid)
            self.programs += 1
        elif text.startswith("---"):
            self._note(pid, _SIGNAL.match(text), "{} received")
        elif text.startswith("+++"):
            self._end(pid, text)
        elif text.startswith("<..."):
            self._resumed(pid, text)
        elif text.endswith("<unfinished ...>"):
            self.unfinished[pid] = (text.partition("(")[0], pid in self.starting)
        else:
            self._finished(pid, text.partition("(")[0], pid in self.starting, text)

    def _note(self, pid, match, form):
        if match and pid not in self.starting:
            self.calls[form.format(match.group(1))] += 1

    def _end(self, pid, text):
        self._drop_unfinished(pid)
        self._note(pid, _END.match(text), "{}")
        self.starting.discard(pid)

    def _resumed(self, pid, text):
        name, in_start_up = self.unfinished.pop(pid, (None, False))
        resumed = _RESUMED.match(text)
        # Of a call that was entered before strace attached nothing but the end is seen.
        self._finished(pid, name or (resumed.group(1) if resumed else "?"), in_start_up, text)

    def _finished(self, pid, name, in_start_up, text):
        error = _ERROR.search(text)
        if not in_start_up:
            self.calls[f"{name}!{error.group(1)}" if error else name] += 1
        if name in ("execve", "execveat") and text.endswith(" = 0"):
            self.starting.add(pid)

    def _drop_unfinished(self, pid):
        """A call that its own process' end cut off, such as exit_group, was made all the same."""
        name, in_start_up = self.unfinished.pop(pid, (None, True))
        if not in_start_up:
            self.calls[name] += 1


def after_start_up(lines):
    """(the calls after start-up by name, how many programs reached their marker)"""
    follower = _Follower()
    for line in lines:
        match = _LINE.match(line)
        if match:
            follower.line(int(match.group(1)), match.group(2).rstrip())
    for pid in list(follower.unfinished):
        follower._drop_unfinished(pid)
    return follower.calls, follower.programs


def first_pid(path):
    """The traced program's own pid, once strace has written its first line; None before."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = _LINE.match(file.readline())
    except FileNotFoundError:
        return None
    return int(match.group(1)) if match else None


def of_files(paths):
    """after_start_up of several traces, added up."""
    calls, programs = collections.Counter(), 0
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            more, started = after_start_up(file)
        calls, programs = calls + more, programs + started
    return calls, programs
