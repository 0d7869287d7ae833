"""The system calls that a tree of processes made after each program's start-up, from one `strace -f -o` file.
Called by: faithful_case, syscall_trace_test.

A program has started when start_marker.c's constructor has run: everything before (the dynamic loader, the
constructors of all libraries, ours among them) is start-up, everything after is the program. Invariants:
 1. A call is counted once, under its name, and with its error as "name!ERROR" when it failed.
 2. Nothing between a successful execve and the marker is counted; a child of fork or clone has started already.
 3. Signals ("SIGCHLD received"), ends ("exited with 0", "killed by SIGKILL") and execs are counted like calls, so
    that every process of the tree is compared, not only the first.
 4. A forked child makes a segment of its own between two rt_sigprocmask, and links a file *.notch. These calls are not
    counted with the others: `attachments` has their number, for each such child.
 5. Reads of a list of mappings (/proc/PID/maps, smaps) are MAPS_READ: a process with one library more has a longer one.
"""
import collections
import re

MARKER = "close(-20047"  # its line may be cut in two there

MAPS_READ = "read of a list of mappings"

_OPENS_MAPS = re.compile(r'open(?:at)?\(.*"/proc/\w+/s?maps".* = (\d+)')
_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_ERROR = re.compile(r" = (?:-1|\?) (E[A-Z0-9]+)")
_SIGNAL = re.compile(r"--- (SIG\w+) ")
_FORK = re.compile(r"fork\(|clone3?\((?!.*CLONE_VM)")
_THREAD = re.compile(r"clone3?\(.*CLONE_THREAD")
_MASKED_ALL = "rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1]"
_END = re.compile(r"\+\+\+ (exited with \d+|killed by SIG\w+)")


class Trace:
    """calls by name, programs that reached their marker, forks (not threads), threads, calls of vfork(), attachments."""

    def __init__(self):
        self.calls = collections.Counter()
        self.programs = self.forks = self.threads = self.vforks = 0
        self.attachments = []

    def add(self, other):
        self.calls += other.calls
        self.programs += other.programs
        self.forks += other.forks
        self.threads += other.threads
        self.vforks += other.vforks
        self.attachments += other.attachments


class Follower:
    """Takes line by line; a subclass sees every call after start-up in _count."""

    def __init__(self):
        self.trace = Trace()
        self.masked = {}             # pid: [calls since it masked all signals, has it linked a segment]
        self.maps = set()            # (pid, descriptor) of open lists of mappings
        self.starting = set()        # pids between execve and marker
        self.unfinished = {}         # pid: (name, did it begin before the marker)

    def line(self, pid, text):
        if text.startswith(MARKER):
            self.starting.discard(pid)
            self.trace.programs += 1
            if text.endswith("<unfinished ...>"):
                self.unfinished[pid] = (MARKER, True)
        elif text.startswith("---"):
            self._note(pid, _SIGNAL.match(text), "{} received")
        elif text.startswith("+++"):
            self._end(pid, text)
        elif text.startswith("<..."):
            self._resumed(pid, text)
        elif text.endswith("<unfinished ...>"):
            self.unfinished[pid] = (text.removesuffix("<unfinished ...>"), pid in self.starting)
        else:
            self._finished(pid, text, pid in self.starting)

    def _note(self, pid, match, form):
        if match and pid not in self.starting:
            self.trace.calls[form.format(match.group(1))] += 1

    def _end(self, pid, text):
        self._drop_unfinished(pid)
        self._note(pid, _END.match(text), "{}")
        self.starting.discard(pid)

    def _resumed(self, pid, text):
        # Of a call that was entered before strace attached nothing but the end is seen.
        begun, in_start_up = self.unfinished.pop(pid, (None, pid in self.starting))
        resumed = _RESUMED.match(text)
        if resumed:
            self._finished(pid, (begun or resumed.group(1) + "(") + text[resumed.end():], in_start_up)

    def _finished(self, pid, text, in_start_up):
        name, error = text.partition("(")[0], _ERROR.search(text)
        if not in_start_up:
            key = MAPS_READ if self._reads_maps(pid, name, text) else name
            self._count(pid, text, f"{key}!{error.group(1)}" if error else key)
        if name in ("execve", "execveat") and text.endswith(" = 0"):
            self.starting.add(pid)

    def _reads_maps(self, pid, name, text):
        opened = _OPENS_MAPS.match(text)
        if opened:
            self.maps.add((pid, opened.group(1)))
        descriptor = (pid, re.match(r"\w*\(?(\d*)", text).group(1))
        if name == "close":
            self.maps.discard(descriptor)
        return name in ("read", "pread64", "lseek") and descriptor in self.maps

    def _count(self, pid, text, key):
        self.trace.vforks += text.startswith("vfork(")
        self.trace.threads += bool(_THREAD.match(text))
        self.trace.forks += bool(_FORK.match(text) and not text.endswith("= ?") and " = -1" not in text)
        if pid in self.masked:
            calls, links = self.masked[pid]
            calls.append(key)
            self.masked[pid][1] = links or (text.startswith("linkat(") and '.notch"' in text)
            if text.startswith("rt_sigprocmask(SIG_SETMASK"):
                self._unmasked(pid)
        elif text.startswith(_MASKED_ALL):
            self.masked[pid] = [[key], False]
        else:
            self.trace.calls[key] += 1

    def _unmasked(self, pid):
        calls, links = self.masked.pop(pid, ([], False))
        if links:
            self.trace.attachments.append(len(calls))
        else:
            self.trace.calls.update(calls)

    def _drop_unfinished(self, pid):
        """A call that its own process' end cut off, such as exit_group, was made all the same."""
        begun, in_start_up = self.unfinished.pop(pid, (None, True))
        if not in_start_up:
            self._count(pid, begun, begun.partition("(")[0])
        self._unmasked(pid)

    def finish(self):
        for pid in {*self.unfinished, *self.masked}:
            self._drop_unfinished(pid)
        return self.trace


def after_start_up(lines):
    """The Trace of an output of strace."""
    follower = Follower()
    for line in lines:
        match = _LINE.match(line)
        if match:
            follower.line(int(match.group(1)), match.group(2).rstrip())
    return follower.finish()


def of_files(paths):
    """after_start_up of several outputs, added up."""
    whole = Trace()
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            whole.add(after_start_up(file))
    return whole


def first_pid(path):
    """The traced program's own pid, once strace has written its first line; None before."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = _LINE.match(file.readline())
    except FileNotFoundError:
        return None
    return int(match.group(1)) if match else None
