#!/usr/bin/python3
"""The net module counts the known operations of unmodified programs.
Called by: ctest, as net_test.py NOTCHD LIBRARY MESSAGES_PROGRAM.
"""
import os
import subprocess
import sys
import unittest

import live_agent
import preload_test_case

MESSAGES_PROGRAM = sys.argv.pop(1)

# Known bytes through every way the socket module has; it prints nothing and exits 0.
MANY_WAYS = """
import errno, os, select, socket
listener = socket.create_server(('127.0.0.1', 0))
a = socket.create_connection(listener.getsockname())
b, _ = listener.accept()
a.send(b'x' * 100)
assert b.recv(1000, socket.MSG_PEEK) == b'x' * 100
assert b.recv(1000) == b'x' * 100
a.sendmsg([b'y' * 20, b'z' * 30])
assert b.recvmsg(1000)[0] == b'y' * 20 + b'z' * 30
a.send(b'dropped')
assert b.recv(1000, socket.MSG_TRUNC) is not None
os.write(a.fileno(), b'w' * 5)
assert b.recv(100) == b'w' * 5
b.setblocking(False)
try:
    b.recv(10)
except BlockingIOError:
    pass
u, v = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
v.bind(('127.0.0.1', 0))
u.sendto(b'd' * 200, v.getsockname())
assert v.recvfrom(50, socket.MSG_TRUNC)[0][:50] == b'd' * 50
u.sendto(b'e' * 10, v.getsockname())
assert v.recvfrom(50)[0] == b'e' * 10
gone = listener.getsockname()
late = socket.socket()
late.setblocking(False)
assert late.connect_ex(gone) == errno.EINPROGRESS
select.select([], [late], [])
late.send(b'late')
listener.close()
refused = socket.socket()
try:
    refused.connect(gone)
except ConnectionRefusedError:
    pass
a.shutdown(socket.SHUT_RDWR)
"""

# Each line that comes in lets it take a step; it says when it has.
OPENING = """
import os, socket, sys
def wait():
    print('ready', flush=True)
    sys.stdin.readline()
listener = socket.create_server(('127.0.0.1', 0))
made = [socket.create_connection(listener.getsockname()) for _ in range(10)]
taken = [listener.accept()[0] for _ in range(10)]
wait()
copy = os.dup(made[0].fileno())
made[0].close()
os.close(copy)
os.dup2(0, made[1].fileno())
os.closerange(taken[0].fileno(), taken[3].fileno() + 1)
wait()
if os.fork() == 0:
    for one in made[2:] + taken[4:]:
        one.close()
    pair = socket.create_connection(listener.getsockname()), listener.accept()[0]
    wait()
    os._exit(0)
os.wait()
wait()
for one in made[2:] + taken[4:]:
    one.close()
wait()
os._exit(0)
"""


class Net(preload_test_case.PreloadTestCase):
    def test_every_way_counts(self):
        run = self.run_program(["/usr/bin/python3", "-S", "-c", MANY_WAYS])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_net_connects_total"), 3)
        self.assertEqual(self.count(samples, "libc_net_accepts_total"), 1)
        send, receive = {"operation": "send"}, {"operation": "receive"}
        self.assertEqual(self.count(samples, "libc_net_bytes_total", **send), 100 + 50 + 7 + 200 + 10 + 4)
        self.assertEqual(self.count(samples, "libc_net_bytes_total", **receive), 100 + 50 + 7 + 5 + 50 + 10)
        self.assertEqual(self.count(samples, "libc_net_operations_total", **send), 6)
        self.assertEqual(self.count(samples, "libc_net_operations_total", **receive), 8)
        self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="socket"), 5)
        self.assertEqual(self.count(samples, "libc_net_errors_total", operation="connect", error_type="refused"), 1)
        self.assertEqual(self.count(samples, "libc_net_errors_total"), 1)
        # The one that succeeded at once, and the one that was in progress until its first bytes.
        self.assertEqual(self.count(samples, "libc_net_duration_seconds_count", operation="connect"), 2)

    def test_messages_and_checked_buffers(self):
        run = self.run_program([MESSAGES_PROGRAM])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_net_bytes_total", operation="send"), 3 * 10 + 3 * 10)
        self.assertEqual(self.count(samples, "libc_net_bytes_total", operation="receive"), 3 * 10 + 3 * 10)
        self.assertEqual(self.count(samples, "libc_net_operations_total", operation="send"), 1 + 3)
        self.assertEqual(self.count(samples, "libc_net_operations_total", operation="receive"), 1 + 3)

    def open_connections(self):
        return self.count(self.agent.samples("libc_net_open"), "libc_net_open_connections")

    def test_open_connections_are_the_numbers_not_given_back(self):
        program = subprocess.Popen(["/usr/bin/python3", "-S", "-c", OPENING], env=self.environment(),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.stdin.close)
        # After the opening; after a copy, a replacement and a range; with a child of two more; without it; at the end.
        for expected in (20, 14, 16, 14, 0):
            self.assertEqual(program.stdout.readline(), b"ready\n")
            live_agent.until(20, f"{expected} open", lambda wanted=expected: self.open_connections() == wanted)
            program.stdin.write(b"\n")
            program.stdin.flush()
        self.assertEqual(program.wait(20), 0)

    def test_a_program_that_can_make_no_connection_has_no_row_of_http(self):
        # cat asks for none of the functions by which one comes; python3 has accept and dlopen.
        for command, has_rows in ((["/bin/cat"], False), (["/usr/bin/python3", "-S", "-c", ""], True)):
            name = os.path.basename(command[0])
            run = self.run_program(command, {"NOTCH_SERVICE": name}, input=b"x")
            self.assertEqual(run.returncode, 0)
            self.folded()
            rows = {family for family, labels in self.agent.samples() if f'service="{name}"' in labels}
            self.assertIn("libc_malloc_frees_total", rows)
            self.assertEqual("libc_http_unobserved_total" in rows, has_rows, name)

    def test_modules_alone(self):
        script = ("import socket; a, b = socket.socketpair(); a.send(b'x' * 10); b.recv(100)\n"
                  "listener = socket.create_server(('127.0.0.1', 0))\n"
                  "socket.create_connection(listener.getsockname()).close()")
        for words, present, absent in (("net", "libc_net_", "libc_io_"), ("io", "libc_io_", "libc_net_")):
            run = self.run_program(["/usr/bin/python3", "-S", "-c", script], {"NOTCH_PRELOAD": words, "NOTCH_SERVICE": words})
            self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
            samples = {key: value for key, value in self.folded().items() if f'service="{words}"' in key[1] and value}
            self.assertTrue(any(name.startswith(present) for name, _ in samples))
            self.assertFalse(any(name.startswith(absent) for name, _ in samples))


if __name__ == "__main__":
    unittest.main(verbosity=2)
