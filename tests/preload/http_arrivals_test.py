#!/usr/bin/python3
"""Connections that a process has neither accepted nor made: their descriptors come in messages, from another process, or by
exec. The page counts every request once, whichever process read it and whichever answered it.
Called by: ctest, as http_arrivals_test.py NOTCHD LIBRARY PASSING_PROGRAM.
"""
import os
import socket
import subprocess
import sys
import unittest

import live_agent
from http_case import CLIENT_DURATION, DURATION, HttpTestCase

PROGRAM = sys.argv.pop(1)
UNOBSERVED = "libc_http_unobserved_total"
CONNECTIONS, EACH = 5, 4
REQUEST = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SEEN = ("GET", "/page", "200", "")
# What is no connection at all, though the same bytes pass: a datagram socket, a pipe and a file that came in a message.
NO_CONNECTIONS = """
import os, socket, sys, tempfile
request = b'GET /page HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'
here, there = socket.socketpair()
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
reads, writes = os.pipe()
file = tempfile.TemporaryFile()
file.write(request); file.flush(); file.seek(0)
os.write(writes, request); other.send(request)
socket.send_fds(here, [b'x'], [one.fileno(), reads, file.fileno()])
_, numbers, _, _ = socket.recv_fds(there, 1, 3)
for number in numbers:
    assert os.read(number, 100) == request
    os.close(number)
"""
# A client whose connection comes in a message, and ends unanswered the second time.
CLIENT = """
import os, socket, sys
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
here, there = socket.socketpair()
socket.send_fds(here, [b'x'], [connection.fileno()])
_, (number,), _, _ = socket.recv_fds(there, 1, 1)
connection.close()
for _ in range(3):
    os.write(number, b'GET /asked HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
    assert os.read(number, 1000).endswith(b'ok')
os.close(number)
"""
# Messages on what is no connection: a log on a standard output that is a socket, as systemd's units have it; a pipe made of
# sockets, as Node makes it; a pipe that is inherited, and copied.
STANDARD = """
import os, socket, subprocess, sys
message = b'GET / HTTP/1.1\\r\\n\\r\\n'
def run(number, use, **options):
    code = f'import os; message = {message}; number = {number}'
    code = chr(10).join([code, f'for _ in range(3): {use}', 'os.close(number)'])
    subprocess.run([sys.executable, '-S', '-c', code], check=True, **options)
WRITE = 'os.write(number, message)'
here, there = socket.socketpair()
run('1', WRITE, stdout=here)
there.sendall(3 * message)
run('0', 'assert os.read(number, len(message)) == message', stdin=here)
reads, writes = os.pipe()
os.set_inheritable(writes, True)
run(writes, WRITE, close_fds=False)
run(f'(os.dup({writes}), os.close({writes}))[0]', WRITE, close_fds=False)
"""
# A child for each connection, which leaves the closing to its end: of an answer that only this ends, of one that is written
# past the library, and of one that has its length.
CHILDREN = """
import os, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
for answer in (b'HTTP/1.0 200 OK\\r\\n\\r\\nok', b'', b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'):
    connection, _ = listener.accept()
    if os.fork() == 0:
        connection.recv(1000)
        connection.sendall(answer)
        connection.detach()
        sys.exit()
    connection.close()
    os.wait()
"""


class Arrivals(HttpTestCase):
    def converse(self, port, requests, is_served=True):
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            for _ in range(requests):
                client.sendall(REQUEST)
                said = b""
                while is_served and len(said) < len(ANSWER):
                    said += client.recv(1000)
                    self.assertTrue(ANSWER.startswith(said), said)

    def serve(self, way):
        """The page once all connections were served in this way."""
        port = live_agent.free_port()
        server = self.start_server([PROGRAM, way, str(port), str(CONNECTIONS)], port)
        for _ in range(CONNECTIONS):
            self.converse(port, EACH)
        self.assertEqual(server.wait(20), 0)
        return self.page()

    def assert_seen(self, samples, requests, unended=0):
        self.assertEqual(self.requests(samples), requests)
        self.assertEqual(self.count(samples, UNOBSERVED, reason="unended", side="server"), unended)
        self.assertEqual(self.count(samples, UNOBSERVED), unended)
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)

    def assert_all_seen(self, *ways, kind=None):
        """`kind`: what the library says that all requests were read from."""
        for way in ways:
            with self.subTest(way=way):
                self.setUp()
                samples = self.serve(way)
                self.assert_seen(samples, {SEEN: CONNECTIONS * EACH})
                if kind is not None:
                    read = self.count(samples, "libc_io_bytes_total", operation="read", kind=kind)
                    self.assertEqual(read, CONNECTIONS * EACH * len(REQUEST))

    def test_connections_that_come_in_messages(self):
        self.assert_all_seen("plain", "mmsg", "raw", "many", "truncated", "peek", "bytewise", "listener", "midway", kind="socket")

    def test_connections_out_of_another_process(self):
        self.assert_all_seen("taken", "taken_raw")

    def test_connections_accepted_by_a_raw_call(self):
        self.assert_all_seen("raw_accept")

    def test_connections_that_a_program_is_started_on(self):
        self.assert_all_seen("standard", "input", "inherited", "high")

    def test_nobody_is_asked_in_a_sandbox(self):
        self.assert_all_seen("sandbox", "unseen_sandbox")

    def test_a_request_read_by_one_and_answered_by_another_counts_once(self):
        self.assert_seen(self.serve("answer_of_another"), {SEEN: CONNECTIONS * (EACH - 1)}, CONNECTIONS)

    def test_the_end_of_a_process_is_that_of_its_connections(self):
        port = live_agent.free_port()
        server = self.start_server([sys.executable, "-S", "-c", CHILDREN, str(port)], port)
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(REQUEST)
                while client.recv(1000):
                    pass
        self.assertEqual(server.wait(20), 0)
        self.assert_seen(self.page(), {SEEN: 2}, unended=1)

    def test_what_is_closed_at_once_is_nothing(self):
        port = live_agent.free_port()
        server = self.start_server([PROGRAM, "closed_at_once", str(port), "3"], port)
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                self.assertEqual(client.recv(10), b"")
        self.assertEqual(server.wait(20), 0)
        self.assert_seen(self.page(), {})

    def test_what_a_vfork_child_is_given_is_not_its_parents(self):
        port = live_agent.free_port()
        server = self.start_server([PROGRAM, "vfork", str(port), "2"], port)
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.sendall(REQUEST)
            with socket.create_connection(("127.0.0.1", port), 20) as other:
                self.assertEqual(client.recv(1000), ANSWER)
                self.assertEqual(other.recv(10), b"")
        self.assertEqual(server.wait(20), 0)
        self.assert_seen(self.page(), {SEEN: 1})

    def test_what_is_no_connection_is_none(self):
        for script in (NO_CONNECTIONS, STANDARD):
            run = self.run_program(["/usr/bin/python3", "-S", "-c", script])
            self.assertEqual(run.returncode, 0, run.stderr)
        samples = self.page()
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        self.assertEqual((self.count(samples, DURATION + "_count"), self.count(samples, CLIENT_DURATION + "_count"),
                          self.count(samples, UNOBSERVED)), (0, 0, 0))

    def test_a_clients_connection(self):
        port = live_agent.free_port()
        self.start_server([PROGRAM, "plain", str(port), "1"], port, {"LD_PRELOAD": ""})
        run = self.run_program(["/usr/bin/python3", "-S", "-c", CLIENT, str(port)])
        self.assertEqual(run.returncode, 0, run.stderr)
        samples = self.page()
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {("GET", "127.0.0.1", "200", ""): 3})
        self.assertEqual(self.count(samples, CLIENT_DURATION + "_count", server_port=str(port)), 3)
        self.assertEqual(self.count(samples, UNOBSERVED), 0)

    def test_a_program_that_systemd_starts_for_each_connection(self):
        port = live_agent.free_port()
        server = subprocess.Popen(
            ["systemd-socket-activate", "--inetd", "-a", "-l", f"127.0.0.1:{port}", "-E", "LD_PRELOAD", "-E", "NOTCH_DIR",
             "-E", "NOTCH_SERVICE", PROGRAM, "serve_standard", "0", "0"],
            env=self.environment(), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        live_agent.until(20, "systemd listens", lambda: self.listens(port))
        for _ in range(CONNECTIONS):
            self.converse(port, EACH)
        live_agent.until(20, "all seen", lambda: self.count(
            self.agent.samples(DURATION), DURATION + "_count") == CONNECTIONS * EACH)
        server.terminate()
        server.wait(20)
        self.assert_seen(self.page(), {SEEN: CONNECTIONS * EACH})


if __name__ == "__main__":
    unittest.main(verbosity=2)
