#!/usr/bin/python3
"""syscall_trace parses strace's lines, and call_verdict compares counts. Called by: ctest."""
import collections
import unittest

import call_verdict
import syscall_trace

START = """10 execve("/bin/x", ["x"], 0x1 /* 2 vars */) = 0
10 openat(AT_FDCWD, "/lib/notch.so", O_RDONLY) = 3
10 close(-20047) = -1 EBADF (Bad file descriptor)
"""
ATTACHMENT = """11 rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1], [], 8) = 0
11 openat(3, ".", O_RDWR|O_CLOEXEC|O_TMPFILE, 0640) = 4
11 linkat(AT_FDCWD, "/proc/self/fd/4", 3, "11-b99f.notch", AT_SYMLINK_FOLLOW) = 0
11 rt_sigprocmask(SIG_SETMASK, [], NULL, 8) = 0
"""


def trace_of(text):
    return syscall_trace.after_start_up(text.splitlines(keepends=True))


class Trace(unittest.TestCase):
    def calls(self, text):
        return dict(trace_of(text).calls)

    def test_start_up_is_not_counted(self):
        self.assertEqual(self.calls(START + "10 read(0, \"\"..., 9) = 0\n"), {"execve": 1, "read": 1})

    def test_a_failed_call_has_its_error(self):
        self.assertEqual(self.calls("10 read(0, 0x1, 9) = -1 EAGAIN (Resource temporarily unavailable)\n"),
                         {"read!EAGAIN": 1})

    def test_an_interleaved_call_is_counted_once(self):
        self.assertEqual(self.calls("10 read(0,  <unfinished ...>\n11 getpid() = 11\n10 <... read resumed>\"\", 9) = 0\n"),
                         {"read": 1, "getpid": 1})

    def test_a_call_that_began_in_start_up_belongs_to_it(self):
        self.assertEqual(self.calls("10 execve(\"/x\", [], 0x1) = 0\n10 read(3,  <unfinished ...>\n"
                                    "10 <... read resumed>\"\", 9) = 0\n10 close(-20047) = -1 EBADF (Bad)\n"), {"execve": 1})

    def test_the_marker_is_known_in_two_parts(self):
        self.assertEqual(self.calls("10 execve(\"/x\", [], 0x1) = 0\n10 brk(NULL) = 1\n10 close(-20047 <unfinished ...>\n"
                                    "11 getpid() = 11\n10 <... close resumed>) = -1 EBADF (Bad)\n10 getuid() = 0\n"),
                         {"execve": 1, "getpid": 1, "getuid": 1})

    def test_an_exec_begins_start_up_again(self):
        self.assertEqual(self.calls(START + "10 execve(\"/y\", [], 0x1) = 0\n10 brk(NULL) = 1\n"), {"execve": 2})

    def test_a_failed_exec_does_not(self):
        self.assertEqual(self.calls(START + "10 execve(\"/y\", [], 0x1) = -1 ENOENT (No such file)\n10 brk(NULL) = 1\n"),
                         {"execve": 1, "execve!ENOENT": 1, "brk": 1})

    def test_ends_and_signals_count(self):
        self.assertEqual(self.calls("10 --- SIGCHLD {si_signo=SIGCHLD} ---\n10 exit_group(0 <unfinished ...>\n"
                                    "10 +++ killed by SIGKILL +++\n"),
                         {"SIGCHLD received": 1, "exit_group": 1, "killed by SIGKILL": 1})

    def test_forks_are_neither_threads_nor_vforks(self):
        trace = trace_of("10 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x1) = 11\n"
                         "10 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 12\n10 vfork() = 13\n"
                         "10 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n10 <... clone resumed>) = 14\n"
                         "10 clone(child_stack=NULL, flags=SIGCHLD) = -1 EAGAIN (Resource)\n")
        self.assertEqual((trace.forks, trace.threads, trace.vforks), (2, 1, 1))

    def test_an_attachment_is_set_apart(self):
        trace = trace_of(ATTACHMENT + "11 write(1, \"\"..., 2) = 2\n")
        self.assertEqual((dict(trace.calls), trace.attachments), ({"write": 1}, [4]))

    def test_a_program_that_masks_all_signals_is_counted(self):
        text = ATTACHMENT.replace('"11-b99f.notch"', '"own"')
        self.assertEqual(self.calls(text), {"rt_sigprocmask": 2, "openat": 1, "linkat": 1})
        self.assertEqual(self.calls(text[:text.rindex("11 rt")]), {"rt_sigprocmask": 1, "openat": 1, "linkat": 1})


    def test_lists_of_mappings_are_apart_until_they_are_closed(self):
        text = ('10 openat(AT_FDCWD, "/proc/self/smaps", O_RDONLY) = 7\n10 read(7, ""..., 1024) = 1024\n'
                '10 read(8, ""..., 1024) = 10\n10 close(7) = 0\n10 read(7, ""..., 9) = 9\n')
        self.assertEqual(self.calls(text), {"openat": 1, syscall_trace.MAPS_READ: 1, "read": 2, "close": 1})


class Verdict(unittest.TestCase):
    def names(self, bare, preloaded, allowed=None):
        return [name for name, _ in call_verdict.disagreements(
            [collections.Counter(run) for run in bare], [collections.Counter(run) for run in preloaded], allowed)]

    def test_what_is_steady_without_is_reached_exactly(self):
        self.assertEqual(self.names([{"read": 5}, {"read": 5}], [{"read": 5}]), [])
        self.assertEqual(self.names([{"read": 5}, {"read": 5}], [{"read": 6}]), ["read"])
        self.assertEqual(self.names([{"read": 5}, {"read": 5}], [{"read": 4}]), ["read"])

    def test_a_call_of_its_own_is_seen(self):
        self.assertEqual(self.names([{}, {}], [{"getpid": 1}, {"getpid": 1}]), ["getpid"])

    def test_a_spread_is_granted_once_on_either_side(self):
        bare = [{"poll": 10}, {"poll": 14}]
        self.assertEqual([self.names(bare, [{"poll": n}]) for n in (5, 6, 18, 19)], [["poll"], [], [], ["poll"]])

    def test_what_is_allowed_is_allowed_once(self):
        self.assertEqual(self.names([{}], [{"mmap": 2}], {"mmap": (2, "why")}), [])
        self.assertEqual(self.names([{}], [{"mmap": 3}], {"mmap": (2, "why")}), ["mmap"])


if __name__ == "__main__":
    unittest.main()
