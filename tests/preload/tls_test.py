#!/usr/bin/python3
"""HTTP inside TLS under libnotch_preload_tls.so: unmodified servers and clients whose OpenSSL is a shared library.
Called by: ctest, as tls_test.py NOTCHD TLS_LIBRARY LIBRARY TLS_PROGRAM PROVIDERS_PROGRAM PLUGIN...
"""
import os
import socket
import ssl
import subprocess
import sys
import unittest

import live_agent
import preload_test_case
from http_case import CLIENT_DURATION, DURATION, HttpTestCase

LIBRARY_WITHOUT, TLS_PROGRAM, PROVIDERS_PROGRAM = (sys.argv.pop(1) for _ in range(3))
PLUGINS = [sys.argv.pop(1) for _ in range(4)]
SERVER_HANDSHAKES = "tls_server_handshake_duration_seconds"
CLIENT_HANDSHAKES = "tls_client_handshake_duration_seconds"
PYTHON = ["/usr/bin/python3", "-S"]

SERVER = """
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
if len(sys.argv) > 2:
    context.set_alpn_protocols(sys.argv[2:])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
# Both ends in one process, over memory BIOs: asyncio never gives OpenSSL a descriptor.
ASYNCIO = """
import asyncio, ssl
def context(purpose):
    made = ssl.SSLContext(purpose)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made
async def serve(reader, writer):
    for _ in range(2):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
        await writer.drain()
    writer.close()
async def main():
    server_side = context(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain("certificate.pem", "key.pem")
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    for i in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context(ssl.PROTOCOL_TLS_CLIENT),
                                                       server_hostname="asked.example" if i else "")
        for j in range(2):
            writer.write(b"PUT /item/%d HTTP/1.1\\r\\nContent-Length: 3\\r\\n" % j)
            writer.write(b"\\r\\nabc")
            assert (await reader.readuntil(b"\\r\\n\\r\\n")).startswith(b"HTTP/1.1 204")
        writer.close()
    server.close()
asyncio.run(main())
"""


class TlsTestCase(HttpTestCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", os.path.join(self.folder, "key.pem"), "-out",
                        os.path.join(self.folder, "certificate.pem")], check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(self.folder, "index.html"), "w", encoding="ascii") as file:
            file.write("hello\n")

    def start_tls_server(self, *alpn, changes=None):
        port = live_agent.free_port()
        return self.start_server([*PYTHON, "-c", SERVER, str(port), *alpn], port, changes), port

    def handshakes(self, samples, name):
        """(version, error) to how many"""
        found = {}
        for (family, text), value in samples.items():
            labels = dict(preload_test_case.LABEL.findall(text))
            if family == name + "_count" and value:
                key = (labels.get("tls_protocol_version", ""), labels.get("error_type", ""))
                found[key] = found.get(key, 0) + value
        return found

    def unobserved(self, samples):
        return {text: value for (family, text), value in samples.items()
                if family in ("libc_tls_unobserved_total", "libc_http_unobserved_total") and value}


class Programs(TlsTestCase):
    def test_http_server_and_curl(self):
        server, port = self.start_tls_server()
        base = f"https://127.0.0.1:{port}"
        curl = ["/usr/bin/curl", "-s", "-S", "-k"]
        watched = self.run_program([*curl, base + "/", base + "/users/17", "--next", *curl[1:], "-I", base + "/"])
        self.assertEqual((watched.returncode, watched.stderr), (0, b""))
        self.assertTrue(watched.stdout.startswith(b"hello\n"))
        bare = subprocess.run([*curl, "-d", "abc", base + "/"], capture_output=True, check=True)
        self.assertIn(b"501", bare.stdout)
        old = subprocess.run([*curl, "--tls-max", "1.2", base + "/"], capture_output=True, check=True)
        self.assertEqual(old.stdout, b"hello\n")
        refused = self.run_program(["/usr/bin/curl", "-s", base + "/"])
        self.assertEqual(refused.returncode, 60)
        self.end_server(server)
        samples = self.page()
        self.assertEqual(self.requests(samples), {
            ("GET", "/", "200", ""): 2, ("GET", "/users/*", "404", ""): 1, ("HEAD", "/", "200", ""): 1,
            ("POST", "/", "501", "501"): 1})
        self.assertEqual(self.count(samples, DURATION + "_count", url_scheme="https"), 5)
        self.assertEqual(self.count(samples, DURATION + "_count", url_scheme="http"), 0)
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {
            ("GET", "127.0.0.1", "200", ""): 1, ("GET", "127.0.0.1", "404", "404"): 1, ("HEAD", "127.0.0.1", "200", ""): 1})
        self.assertEqual(self.count(samples, CLIENT_DURATION + "_count", url_scheme="https", server_port=str(port)), 3)
        self.assertEqual(self.count(samples, "http_server_request_body_size_bytes_sum", url_scheme="https"), 3)
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        server_side = self.handshakes(samples, SERVER_HANDSHAKES)
        self.assertEqual(server_side.pop(("1.2", "")), 1)
        self.assertEqual(sum(server_side.values()), self.handshakes(samples, CLIENT_HANDSHAKES)[("1.3", "")] + 2, server_side)
        self.assertEqual(self.handshakes(samples, CLIENT_HANDSHAKES)[("", "protocol")], 1)
        self.assertEqual(self.unobserved(samples), {})

    def test_asyncio_over_memory(self):
        run = self.run_program(["/usr/bin/python3", "-c", ASYNCIO], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        samples = self.folded() | self.page()
        self.assertEqual(self.requests(samples), {("PUT", "/item/*", "204", ""): 10})
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {
            ("PUT", "asked.example", "204", ""): 8, ("PUT", "", "204", ""): 2})
        self.assertEqual(self.count(samples, "http_client_request_body_size_bytes_sum"), 30)
        for name in (SERVER_HANDSHAKES, CLIENT_HANDSHAKES):
            self.assertEqual(self.handshakes(samples, name), {("1.3", ""): 5})

    def test_openssl_s_client(self):
        server, port = self.start_tls_server()
        run = self.run_program(["/usr/bin/openssl", "s_client", "-quiet", "-ign_eof", "-connect", f"127.0.0.1:{port}"],
                               input=b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertTrue(run.stdout.endswith(b"hello\n"), run.stdout)
        self.end_server(server)
        samples = self.page()
        self.assertEqual(self.requests(samples), {("GET", "/", "200", ""): 1})
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {("GET", "127.0.0.1", "200", ""): 1})
        self.assertEqual(self.handshakes(samples, CLIENT_HANDSHAKES), {("1.3", ""): 1})

    def test_openssl_s_server(self):
        port = live_agent.free_port()
        server = subprocess.Popen(
            ["/usr/bin/openssl", "s_server", "-quiet", "-naccept", "1", "-accept", f"127.0.0.1:{port}", "-cert",
             "certificate.pem", "-key", "key.pem"],
            env=self.environment(), cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(server.kill)
        live_agent.until(20, "the server listens", lambda: self.listens(port))
        curl = subprocess.Popen(["/usr/bin/curl", "-s", "-S", "-k", f"https://127.0.0.1:{port}/"], stdout=subprocess.PIPE)
        self.addCleanup(curl.kill)
        self.assertEqual(server.stdout.readline(), b"GET / HTTP/1.1\r\n")
        server.stdin.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
        server.stdin.flush()
        self.assertEqual(curl.communicate(timeout=20)[0], b"hello\n")
        server.communicate(timeout=20)
        samples = self.page()
        self.assertEqual(self.requests(samples), {("GET", "/", "200", ""): 1})
        self.assertEqual(self.handshakes(samples, SERVER_HANDSHAKES), {("1.3", ""): 1})

    def test_http2_is_counted_as_unobserved(self):
        server, port = self.start_tls_server("h2")
        script = ("import socket, ssl, sys; c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.check_hostname = False; "
                  "c.verify_mode = ssl.CERT_NONE; c.set_alpn_protocols(['h2']); "
                  "s = c.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1])))); "
                  "assert s.selected_alpn_protocol() == 'h2'; s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n'); s.recv(100)")
        run = self.run_program([*PYTHON, "-c", script, str(port)])
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.end_server(server)
        samples = self.page()
        self.assertEqual(self.count(samples, "libc_tls_unobserved_total", reason="http2"), 2)
        self.assertEqual(self.requests(samples) | self.requests(samples, CLIENT_DURATION), {})

    def test_without_the_word_nothing_of_tls_is_counted(self):
        server, port = self.start_tls_server(changes={"NOTCH_PRELOAD": "all"})
        run = self.run_program(["/usr/bin/curl", "-s", "-S", "-k", f"https://127.0.0.1:{port}/"],
                               {"NOTCH_PRELOAD": "all"})
        self.assertEqual((run.returncode, run.stdout), (0, b"hello\n"))
        self.end_server(server)
        samples = self.page()
        self.assertEqual(self.requests(samples) | self.requests(samples, CLIENT_DURATION), {})
        self.assertEqual(self.agent.samples("tls_"), {})
        self.assertGreater(self.count(samples, "libc_io_operations_total", kind="socket"), 0)


class Conduct(TlsTestCase):
    def test_what_a_program_sees_of_openssl_is_the_same(self):
        bare = self.run_program([TLS_PROGRAM, "trace"], {"LD_PRELOAD": ""}, cwd=self.folder)
        self.assertEqual((bare.returncode, bare.stderr), (0, b""))
        self.assertIn(b"queue", bare.stdout)
        self.assertIn(b"early data accepted: 2", bare.stdout)
        run = self.run_program([TLS_PROGRAM, "trace"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(run.stdout.decode(), bare.stdout.decode())
        samples = self.page()
        # Of each version: one answered and one shut down before it was. Around the early data: two more.
        self.assertEqual(self.requests(samples), {
            ("GET", "/traced", "200", ""): 4, ("GET", "/traced", "", "no_answer"): 2})
        self.assertEqual(self.requests(samples, CLIENT_DURATION), {
            ("GET", "", "200", ""): 4, ("GET", "", "", "no_answer"): 2})
        self.assertEqual(self.handshakes(samples, SERVER_HANDSHAKES), {
            ("1.3", ""): 3, ("1.2", ""): 1, ("", "protocol"): 1, ("", "abandoned"): 2})
        self.assertEqual(self.handshakes(samples, CLIENT_HANDSHAKES), {("1.3", ""): 3, ("1.2", ""): 1})

    def test_an_object_that_is_freed_late_ends_with_its_connection(self):
        """As a garbage collector's program does it: the descriptor is closed, and the object lives on."""
        port = live_agent.free_port()
        script = ("import os, socket, ssl, sys, time\n"
                  "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
                  "context.load_cert_chain('certificate.pem', 'key.pem')\n"
                  "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
                  "connection, _ = listener.accept()\n"
                  "secure = context.wrap_socket(connection, server_side=True)\n"
                  "secure.recv(1000)\n"
                  "try:\n"
                  "    secure.recv(1000)\n"
                  "except OSError:\n"
                  "    pass\n"
                  "os.close(secure.fileno())\n"
                  "time.sleep(3)\n"
                  "secure.detach()\n")
        server = self.start_server([*PYTHON, "-c", script, str(port)], port)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            secure = context.wrap_socket(plain)
            secure.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            secure.close()  # without a word: the connection is all that ends
        self.assertEqual(server.wait(20), 0)
        samples = self.page()
        self.assertEqual(self.requests(samples), {("POST", "/up", "", "no_answer"): 1})
        self.assertLess(self.count(samples, DURATION + "_sum"), 2)
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)

    def test_a_child_goes_on_with_an_idle_connection(self):
        run = self.run_program([TLS_PROGRAM, "fork"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        samples = self.page()
        self.assertEqual(self.requests(samples), {("GET", "/traced", "200", ""): 4})
        self.assertEqual(self.handshakes(samples, SERVER_HANDSHAKES), {("1.3", ""): 1})

    def test_in_a_sandbox(self):
        run = self.run_program([TLS_PROGRAM, "sandbox"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(self.requests(self.page()), {("GET", "/traced", "200", ""): 25})

    def test_in_strict_mode_all_is_counted_and_nothing_timed(self):
        run = self.run_program([TLS_PROGRAM, "strict"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        samples = self.page()
        self.assertEqual(self.requests(samples), {("GET", "/traced", "200", ""): 25})
        self.assertEqual(self.count(samples, "http_server_response_body_size_bytes_count"), 50)
        # By either side.
        self.assertEqual(self.count(samples, "libc_http_unobserved_total", reason="untimed"), 50)

    def test_a_thread_is_cancelled_within_a_call(self):
        run = self.run_program([TLS_PROGRAM, "cancel"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        samples = self.page()
        self.assertEqual(self.requests(samples), {("GET", "/traced", "200", ""): 2})
        # That of the thread which was cancelled in it ended with its object.
        self.assertEqual(sum(self.handshakes(samples, SERVER_HANDSHAKES).values()) +
                         sum(self.handshakes(samples, CLIENT_HANDSHAKES).values()), 5)
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)

    def test_addresses_are_used_again(self):
        run = self.run_program([TLS_PROGRAM, "many"], cwd=self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        samples = self.page()
        self.assertEqual(self.requests(samples), {
            ("GET", "/traced", "200", ""): 500, ("GET", "/traced", "", "no_answer"): 250})
        self.assertEqual(self.handshakes(samples, CLIENT_HANDSHAKES), {("1.3", ""): 500})
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        self.assertEqual(self.unobserved(samples), {})


class Providers(TlsTestCase):
    ROUNDS = 50

    def run_plugins(self, way, plugins, library=preload_test_case.LIBRARY):
        run = self.run_program([PROVIDERS_PROGRAM, str(self.ROUNDS), way, *plugins], {
            "LD_PRELOAD": library, "NOTCH_ROUTES": ",".join(f"/owner-{i}" for i in (1, 2, 3, 4))})
        self.assertEqual((run.returncode, run.stderr), (0, b""))

    def assert_both_seen(self, *owners):
        samples = self.page()
        self.assertEqual(self.requests(samples), {
            ("GET", f"/owner-{owner}", "200", ""): self.ROUNDS + 1 for owner in owners})
        self.assertEqual(self.count(samples, "http_server_response_body_size_bytes_sum"), 200 * (self.ROUNDS + 1))

    def test_an_object_reaches_its_own_library(self):
        self.run_plugins("local", PLUGINS[:2])
        self.assert_both_seen(1, 2)

    def test_a_caller_reaches_its_own_where_the_object_does_not_say(self):
        self.run_plugins("local", PLUGINS[2:])
        self.assert_both_seen(3, 4)

    def test_a_plugin_that_binds_deeply_is_not_seen_and_works(self):
        self.run_plugins("deep", PLUGINS)
        self.assertEqual(self.requests(self.page()), {})

    def test_both_of_our_libraries_together_count_once(self):
        self.run_plugins("local", PLUGINS[:2], f"{preload_test_case.LIBRARY}:{LIBRARY_WITHOUT}")
        self.assert_both_seen(1, 2)
        self.run_plugins("local", PLUGINS[:2], f"{LIBRARY_WITHOUT}:{preload_test_case.LIBRARY}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
