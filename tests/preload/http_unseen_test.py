#!/usr/bin/python3
"""Bytes that pass a connection without the library's knowledge: an answer through a copied descriptor, by a raw system call or
from a child counts once as unobserved, not as an error; a close that was missed is found later. Called by: ctest, as http_unseen_test.py
NOTCHD LIBRARY.
"""
import os
import socket
import unittest
import urllib.request

import live_agent
from http_case import DURATION, HttpTestCase

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
# Accepts one connection after another and answers each by `answer(connection)`. Libc's functions are called as any program calls them.
SERVER = """
import ctypes, fcntl, os, signal, socket, sys
libc = ctypes.CDLL(None)
SYS_WRITE, SYS_CLOSE = %d, %d
ANSWER = %r
def answer_by_copy(connection):
    number = connection.detach()
    copy = libc.dup(number)
    os.write(copy, ANSWER)
    os.close(copy)
    os.close(number)
def answer_by_dup2(connection):
    number = connection.detach()
    os.dup2(number, 200)
    os.write(200, ANSWER)
    os.close(200)
    os.close(number)
def answer_by_fcntl(connection):
    number = connection.detach()
    copy = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 300)
    os.close(number)
    os.write(copy, ANSWER)
    os.close(copy)
def answer_by_copy_of_closed(connection):
    number = connection.detach()
    copy = os.dup(number)
    os.close(number)
    other = socket.socketpair()  # takes the number
    assert other[0].fileno() == number
    other[0].sendall(b'GET / HTTP/1.1')
    os.write(copy, ANSWER[:30])
    again = os.dup(copy)
    os.close(copy)
    os.write(again, ANSWER[30:])
    os.close(again)
def answer_by_raw_write(connection):
    libc.syscall(SYS_WRITE, connection.fileno(), ANSWER, len(ANSWER))
    connection.close()
def answer_by_child(connection):
    child = os.fork()
    if child == 0:
        os.write(connection.fileno(), ANSWER)
        os._exit(0)
    os.waitpid(child, 0)
    connection.close()
kept = []
def keep(connection):
    connection.sendall(ANSWER)
    kept.append(connection.detach())
    if len(kept) == int(sys.argv[3]):
        for number in kept:
            libc.syscall(SYS_CLOSE, number)
        signal.pause()
def give_no_answer(connection):
    connection.close()
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
for _ in range(int(sys.argv[3])):
    connection, _ = listener.accept()
    connection.recv(1000)
    globals()[sys.argv[2]](connection)
"""
SYSTEM_CALLS = {"x86_64": (1, 3), "aarch64": (64, 57)}[os.uname().machine]
TIMES = 20


class Unseen(HttpTestCase):
    def serve(self, way, answer=ANSWER):
        """The page once TIMES requests were answered in this way, as their client has seen."""
        port = live_agent.free_port()
        script = SERVER % (*SYSTEM_CALLS, ANSWER)
        server = self.start_server(["/usr/bin/python3", "-S", "-c", script, str(port), way, str(TIMES)], port)
        for _ in range(TIMES):
            with socket.create_connection(("127.0.0.1", port), 20) as client:
                client.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
                said = b"".join(iter(lambda: client.recv(1000), b""))  # noqa: B023
            self.assertEqual(said, answer)
        self.assertEqual(server.wait(20), 0)
        return self.page()

    def assert_seen(self, samples, requests, unended):
        self.assertEqual(self.requests(samples), requests)
        self.assertEqual(self.count(samples, "libc_http_unobserved_total", reason="unended"), unended)
        self.assertEqual(self.count(samples, "libc_http_unobserved_total"), unended)
        self.assertEqual(self.count(samples, "http_server_request_body_size_bytes_count"), TIMES - unended)
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)

    def test_an_answer_that_is_not_seen_is_no_error(self):
        for way in ("answer_by_raw_write", "answer_by_child"):
            with self.subTest(way=way):
                self.setUp()
                self.assert_seen(self.serve(way), {}, TIMES)

    def test_copies_are_the_same_connection(self):
        """Either descriptor answers and closes; the first one may have been closed before."""
        for way in ("answer_by_copy", "answer_by_dup2", "answer_by_fcntl", "answer_by_copy_of_closed"):
            with self.subTest(way=way):
                self.setUp()
                self.assert_seen(self.serve(way), {("GET", "/page", "200", ""): TIMES}, 0)

    def test_no_answer_at_all_still_is_one(self):
        self.assert_seen(self.serve("give_no_answer", b""), {("GET", "/page", "", "no_answer"): TIMES}, 0)

    def test_a_raw_close_ends_the_connection(self):
        port = live_agent.free_port()
        script = SERVER % (*SYSTEM_CALLS, ANSWER)
        self.start_server(["/usr/bin/python3", "-S", "-c", script, str(port), "keep", str(TIMES)], port)
        clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(TIMES)]
        for client in clients:
            self.addCleanup(client.close)
            client.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        for client in clients:
            self.assertEqual(b"".join(iter(lambda: client.recv(1000), b"")), ANSWER)  # noqa: B023
        samples = self.agent.samples("")  # the server lives
        self.assertEqual(self.requests(samples), {("GET", "/page", "200", ""): TIMES})
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)

    def test_scripts_of_pythons_own_server(self):
        """They answer by themselves, on the connection they inherit."""
        os.mkdir(os.path.join(self.folder, "cgi-bin"))
        script = os.path.join(self.folder, "cgi-bin", "hello")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nhello\\n'\n")
        for path in (self.folder, os.path.dirname(script), script):
            os.chmod(path, 0o755)
        port = live_agent.free_port()
        server = self.start_server(["/usr/bin/python3", "-m", "http.server", "--cgi", str(port), "--bind", "127.0.0.1"], port)
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/cgi-bin/hello", timeout=20) as answer:
                self.assertEqual((answer.status, answer.read()), (200, b"hello\n"))
        self.end_server(server)
        samples = self.page()
        errors = {key: value for key, value in self.requests(samples).items() if key[3]}
        self.assertEqual(errors, {})
        seen = self.count(samples, DURATION + "_count")
        self.assertEqual(seen + self.count(samples, "libc_http_unobserved_total"), 3)


if __name__ == "__main__":
    unittest.main()
