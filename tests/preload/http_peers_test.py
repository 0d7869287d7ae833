#!/usr/bin/python3
"""Peers that do not read and write in turn, or close without the library's knowledge: Java's HttpClient, a client with two
threads, Node, asyncio; and lengths that a server accepts although no client should send them. The page has the numbers
that the peers counted themselves.
Called by: ctest, as http_peers_test.py NOTCHD LIBRARY DUPLEX_CLIENT_PROGRAM.
"""
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

import live_agent
from http_case import CLIENT_DURATION, DURATION, HttpTestCase

DUPLEX_PROGRAM = sys.argv.pop(1)
UNOBSERVED = "libc_http_unobserved_total"
NODE = """require('http').createServer((request, response) => {
    request.on('error', () => {}).on('data', () => {}).on('end', () => response.end('ok'));
}).listen(%d, '127.0.0.1')"""
JAVA = """import java.net.*; import java.net.http.*;
public class Many { public static void main(String[] arguments) throws Exception {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    for (int i = 0; i < 2000; i++) {
        var answer = client.send(HttpRequest.newBuilder(URI.create(arguments[0])).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) System.exit(1);
    }
    System.exit(0);
} }"""
# Connects ahead, and to where nobody listens; asyncio asks for SO_ERROR.
AHEAD = """
import asyncio, sys
async def ask(port):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    await asyncio.sleep(2)
    writer.write(b'GET /late HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n')
    await reader.read()
    writer.close()
    try:
        await asyncio.open_connection('127.0.0.1', int(sys.argv[2]))
    except ConnectionRefusedError:
        return
    sys.exit(1)
asyncio.run(ask(int(sys.argv[1])))
"""
# A server that keeps a connection, reads a body by its own idea of a length and answers HEAD with a body.
LENIENT = """
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
connection, _ = listener.accept()
while True:
    said = connection.recv(65536)
    if not said:
        break
    body = b'five!' if said.startswith(b'HEAD') else b'ok'
    connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body)
connection.close()
"""
DOUBTFUL = [b"Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"Content-Length: +5\r\n\r\nhello",
            b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", b"Content-Length : 5\r\n\r\nhello",
            b"Content-Length: 5 5\r\n\r\nhello", b"Content-Length: 5, 6\r\n\r\nhello", b"Transfer-Encoding: gzip\r\n\r\nhello"]


class Peers(HttpTestCase):
    def start_node(self, changes=None):
        port = live_agent.free_port()
        return port, self.start_server([shutil.which("node"), "-e", NODE % port], port, changes)

    def assert_all_known(self, samples, sent, least):
        """Each exchange is in a duration or among the unobserved, `least` of them in a duration."""
        seen = self.count(samples, CLIENT_DURATION + "_count")
        self.assertEqual(seen + self.count(samples, UNOBSERVED), sent)
        self.assertGreaterEqual(seen, least)
        self.assertEqual({key[3] for key in self.requests(samples, CLIENT_DURATION)}, {""}, "no error")

    def test_a_thread_that_writes_and_another_that_reads(self):
        port, _ = self.start_node({"LD_PRELOAD": ""})
        self.assertEqual(self.run_program([DUPLEX_PROGRAM, str(port), "10000"]).returncode, 0)
        self.assert_all_known(self.page(), 10000, 9500)

    def test_javas_client(self):
        with open(os.path.join(self.folder, "Many.java"), "w", encoding="ascii") as file:
            file.write(JAVA)
        subprocess.run(["javac", "Many.java"], cwd=self.folder, check=True)
        port, _ = self.start_node({"LD_PRELOAD": ""})
        run = self.run_program(["java", "-cp", self.folder, "Many", f"http://127.0.0.1:{port}/small"])
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assert_all_known(self.page(), 2000, 1900)

    def test_closes_by_raw_calls_end_connections_and_exchanges(self):
        port, server = self.start_node()
        clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(50)]
        for client in clients:
            client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"200 OK", client.recv(1000))
            client.close()
        live_agent.until(20, "none open", lambda: self.count(
            self.agent.samples("libc_net_open"), "libc_net_open_connections") == 0)
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            live_agent.until(20, "one under way", lambda: self.count(
                self.agent.samples("http_server_active"), "http_server_active_requests") == 1)
            begun = time.monotonic()
        live_agent.until(20, "none under way", lambda: self.count(
            self.agent.samples("http_server_active"), "http_server_active_requests") == 0)
        ended = time.monotonic()
        self.end_server(server)
        samples = self.page()
        self.assertEqual(self.count(samples, DURATION + "_count"), 51)
        self.assertEqual(self.count(samples, UNOBSERVED), 0)
        # From before this test knew of it until after: a second more is long before the server's end.
        took = self.count(samples, DURATION + "_sum", http_request_method="POST")
        self.assertLess(took, ended - begun + 1)

    def test_a_connect_ends_when_the_program_learns_of_it(self):
        port, _ = self.start_node({"LD_PRELOAD": ""})
        run = self.run_program(["/usr/bin/python3", "-c", AHEAD, str(port), str(live_agent.free_port())])
        self.assertEqual(run.returncode, 0, run.stderr)
        samples = self.page()
        self.assertEqual(self.count(samples, "libc_net_connects_total"), 2)
        self.assertEqual(self.count(samples, "libc_net_duration_seconds_count", operation="connect"), 1)
        self.assertLess(self.count(samples, "libc_net_duration_seconds_sum", operation="connect"), 1.5, "not the two until bytes")
        self.assertEqual(self.count(samples, "libc_net_errors_total", operation="connect", error_type="refused"), 1)
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {("GET", "127.0.0.1", "200", ""): 1})

    def test_doubtful_lengths_and_a_body_behind_head_cost_nothing(self):
        port = live_agent.free_port()
        server = self.start_server(["/usr/bin/python3", "-S", "-c", LENIENT, str(port)], port)
        sent = 0
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            for doubtful in DOUBTFUL:
                for head in (b"POST /p HTTP/1.1\r\n" + doubtful, b"GET /g HTTP/1.1\r\n\r\n", b"HEAD /h HTTP/1.1\r\n\r\n"):
                    client.sendall(head)
                    said = b""
                    while not said.endswith((b"ok", b"five!")):
                        said += client.recv(1000)
                    sent += 1
        self.assertEqual(server.wait(20), 0)
        samples = self.page()
        n = len(DOUBTFUL)
        self.assertEqual(sent, 3 * n)
        self.assertEqual(self.requests(samples), {
            ("POST", "/p", "200", ""): n, ("GET", "/g", "200", ""): n, ("HEAD", "/h", "200", ""): n})
        self.assertEqual(self.count(samples, UNOBSERVED), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
