#!/usr/bin/python3
"""nginx, curl and Python's http.server under the library: sendfile, keep-alive, TLS, ranges, uploads, wrk.
Called by: ctest, with faithful_case's arguments and a class.
"""
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import unittest

import faithful_case
import stage
from stage import masked

# What a run has for itself: times, sizes of what holds a time, and ports.
TIMES = ((r"Date: .*", "Date"), (r"Last-Modified: .*", "Last-Modified"), (r'ETag: .*', "ETag"))

CONFIGURATION = """
daemon off; {user} worker_processes {workers}; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log {folder}/access.log combined; sendfile on; tcp_nopush on; keepalive_requests 1000000; gzip off;
  types {{ text/plain txt; }} default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl; root {folder}/site;
    location /moved {{ return 301 /small.txt; }}
    location /refused {{ return 403 "no\\n"; }}
    location /proxied/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /upload {{ client_max_body_size 10m; proxy_pass http://127.0.0.1:{port}/taken; }}
    location /taken {{ return 201 "$request_method $content_length\\n"; }}
  }}
}}
"""


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def make_site(folder):
    os.makedirs(folder)
    with open(os.path.join(folder, "small.txt"), "w", encoding="utf-8") as file:
        file.write("small\n" * 20)
    with open(os.path.join(folder, "big.bin"), "wb") as file:
        for i in range(3000):
            file.write(hashlib.sha256(b"%d" % i).digest() * 32)
    for name in ("small.txt", "big.bin"):
        os.utime(os.path.join(folder, name), (1_700_000_000, 1_700_000_000))


class Nginx:
    """A running one."""

    def __init__(self, run, certificate_folder, workers=1):
        self.run, (self.port, self.tls_port) = run, free_ports(2)
        make_site(run.path("site"))
        for name in ("certificate.pem", "key.pem"):
            shutil.copy(os.path.join(certificate_folder, name), run.directory)
        with open(run.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(
                folder=run.directory, port=self.port, tls_port=self.tls_port, workers=workers,
                user="user root;" if os.geteuid() == 0 else ""))
        self.program = run.start("nginx", "-c", run.path("nginx.conf"), "-e", run.path("error.log"))
        stage.until(30, "nginx listening", self._listens)

    def _listens(self):
        return os.path.exists(self.run.path("pid")) and _listening(self.port) and _listening(self.tls_port)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def tls_url(self, path):
        return f"https://127.0.0.1:{self.tls_port}{path}"

    def finish(self):
        """Its exit status, what it logged as errors, and each kind of request it saw."""
        status = self.program.stop(signal.SIGQUIT)
        with open(self.run.path("access.log"), encoding="utf-8") as file:
            requests = re.findall(r'"([^"]*)" (\d+) (\d+) "', file.read())
        with open(self.run.path("error.log"), encoding="utf-8") as file:
            errors = masked(file.read(), (r"^[\d/]+ [\d:]+ ", ""), (r"\d+#\d+: \*?\d*", ""), (r"127.0.0.1:\d+", "HOST"),
                            (r"client: [^,]*", ""))
        return {"status": status, "requests": sorted(set(requests)), "errors": errors}, len(requests)


class WebCase(faithful_case.FaithfulCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", os.path.join(self.folder, "key.pem"), "-out",
                        os.path.join(self.folder, "certificate.pem")], check=True, stderr=subprocess.DEVNULL)


class Curl(WebCase):
    """Both sides under the library: curl asks for everything a browser would, nginx answers."""

    def test_requests_of_every_kind(self):
        def scenario(run):
            nginx, small, big = Nginx(run, self.folder), "/small.txt", "/big.bin"
            with open(run.path("up"), "wb") as file:
                file.write(b"u" * 300_000)
            seen = {}
            for name, arguments in {
                    "kept alive": [nginx.url(path) for path in (small, "/absent", small, big, small)],
                    "head": ["-I", nginx.url(small), nginx.url(big)],
                    "range": ["-r", "100-199,5000-5100", nginx.url(big)],
                    "resumed": ["-C", "3000000", nginx.url(big)],
                    "unchanged": ["-z", "Tue, 14 Nov 2023 22:13:20 GMT", "-w", "%{http_code}", nginx.url(small)],
                    "moved": ["-L", nginx.url("/moved")],
                    "refused": ["-f", nginx.url("/refused")],
                    "proxied": [nginx.url("/proxied/small.txt"), nginx.url("/proxied/big.bin")],
                    "posted": ["--data-binary", "@up", nginx.url("/upload")],
                    "chunked": ["-H", "Transfer-Encoding: chunked", "-T", "up", nginx.url("/upload")],
                    "expecting": ["-H", "Expect: 100-continue", "-d", "a=b", nginx.url("/upload")],
                    "version 1.0": ["-0", nginx.url(small)],
                    "tls": ["-k", nginx.tls_url(small), nginx.tls_url(big), nginx.tls_url("/absent")],
                    "not tls": [nginx.url(small).replace(str(nginx.port), str(nginx.tls_port))],
                    "distrusted": [nginx.tls_url(small)],
                    "no server": ["http://127.0.0.1:1/"],
                    "no host": ["http://absent.invalid/"]}.items():
                made = run.run("curl", "-sS", "--max-time", "30", *([] if "-I" in arguments else ["-i"]), *arguments)
                text = masked(made["stdout"], *TIMES, (r":\d{4,5}", ":PORT"), (r"\b[0-9]{20}\b", "BOUNDARY"))
                seen[name] = (made["status"], masked(made["stderr"], (r"after \d+ ms", ""), (r"port \d+", "")),
                              hashlib.sha256(text.encode()).hexdigest(), text[:300])
            seen["server"], _ = nginx.finish()
            return seen
        self.assert_faithful(scenario)


class Wrk(WebCase):
    """nginx with two workers under load, wrk under the library too; every answer must be whole and right."""

    def test_throughput_without_a_wrong_answer(self):
        def scenario(run):
            nginx = Nginx(run, self.folder, workers=2)
            seen = {}
            for name, url in (("small", nginx.url("/small.txt")), ("sendfile", nginx.url("/big.bin")),
                              ("tls", nginx.tls_url("/small.txt")), ("tls big", nginx.tls_url("/big.bin")),
                              ("proxied", nginx.url("/proxied/small.txt"))):
                made = run.run("wrk", "-t", "2", "-c", "16", "-d", "1s", url)
                seen[name] = (made["status"], made["stderr"], re.findall(r"Non-2xx.*|Socket errors.*", made["stdout"]))
            nginx.program.send(signal.SIGHUP)  # new workers, the old ones leave
            made = run.run("wrk", "-t", "1", "-c", "4", "-d", "1s", nginx.url("/small.txt"))
            seen["reloaded"] = (made["status"], re.findall(r"Non-2xx.*", made["stdout"]))
            server, requests = nginx.finish()
            # wrk breaks off what is under way at its end: big answers are then cut short.
            server["requests"] = sorted({(request, status) for request, status, _ in server["requests"]
                                         if status != "499"})
            server["errors"] = [line for line in server["errors"].splitlines() if "Connection reset" not in line]
            return seen | server | {"any": requests > 100}
        self.assert_faithful(scenario, trace=False)


class HttpServer(WebCase):
    """python3 -m http.server, asked by a client that is not under test."""

    def test_serves_and_ends(self):
        def scenario(run):
            make_site(run.path("site"))
            (port,) = free_ports(1)
            server = run.start("/usr/bin/python3", "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1",
                               "--directory", run.path("site"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            stage.until(30, "http.server listening", lambda: _listening(port))
            seen = {}
            for path in ("/", "/small.txt", "/big.bin", "/absent", "/small.txt?x=1"):
                for method in ("GET", "HEAD", "POST"):
                    answer = subprocess.run(["curl", "-sSi", "--max-time", "30", "-X", method,
                                             *(["-I"] if method == "HEAD" else []), f"http://127.0.0.1:{port}{path}"],
                                            check=False, stdout=subprocess.PIPE).stdout
                    text = masked(answer.decode(errors="replace"), *TIMES)
                    seen[f"{method} {path}"] = (text[:200], hashlib.sha256(text.encode()).hexdigest())
            seen["status"] = server.stop(signal.SIGINT)
            log = server.process.stdout.read().decode()
            return seen | {"log": masked(log, (r"\[.*?\]", "[TIME]"), (r"\d{4,5}", "PORT"))}
        self.assert_faithful(scenario)


def _listening(port):
    """By the kernel's table: a connection of the test's own would be one more for the server to accept."""
    with open("/proc/net/tcp", encoding="utf-8") as file:
        return f"0100007F:{port:04X} 00000000:0000 0A" in file.read()


if __name__ == "__main__":
    faithful_case.main("nginx", "curl", "wrk", "openssl")
