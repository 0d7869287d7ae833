#!/usr/bin/python3
"""Records what real clients and servers say to each other, and what the client counted of it.

Called by: hand, to renew conversations/: record_conversations.py FOLDER. Needs curl and node.
http_conversation_test reads the files. Each has lines of these kinds:
  # how it came about        = what the client counted of one exchange, in order
  @ a connection begins      > < bytes from the client, from the server, escaped    . it is closed
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

COUNTED = "%{method} %{http_code} %{size_upload}:%{size_download}\\n"
# curl counts the framing of the chunks that it sends, too.
COUNTED_CHUNKED = COUNTED.replace("%{size_upload}", "900")
CURL = ["curl", "-s", "--path-as-is", "--noproxy", "*", "-w", COUNTED]

NODE_SERVER = """
const http = require('http');
http.createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url == '/empty') { response.writeHead(204); return response.end(); }
    if (request.url == '/same') { response.writeHead(304); return response.end(); }
    if (request.url == '/plain') { response.setHeader('Content-Length', 5); return response.end('plain'); }
    const trailed = request.method != 'HEAD' && request.httpVersion == '1.1';
    if (trailed) response.setHeader('Trailer', 'X-Sum');
    response.write('first part, ');
    response.write('x'.repeat(300));
    if (trailed) response.addTrailers({'X-Sum': 'abc'});
    response.end();
  });
}).listen(Number(process.argv[1]), '127.0.0.1');
"""

PYTHON_CLIENT = """
import http.client, sys
connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
for method, target, body in (('GET', '/plain', None), ('POST', '/a', b'x' * 10), ('HEAD', '/b', None),
                             ('PUT', '/c', iter([b'one', b'three'])), ('DELETE', '/empty', None)):
    connection.request(method, target, body)
    answer = connection.getresponse()
    sent = 8 if method == 'PUT' else len(body or b'')
    print(method, answer.status, f'{sent}:{len(answer.read())}')
connection.close()
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Tap:
    """Passes connections on to a port, and writes down every piece."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            pieces = []
            self.connections.append(pieces)
            for kind, source, sink in ((">", client, server), ("<", server, client)):
                threading.Thread(target=self.pump, args=(kind, source, sink, pieces),
                                 daemon=True).start()

    @staticmethod
    def pump(kind, source, sink, pieces):
        try:
            while piece := source.recv(700):
                pieces.append((kind, piece))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"port {port}: nobody listens")


def record(path, server, client, how):
    """`server(port)` and `client(port)` give commands; the client prints a line an exchange."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "page.html"), "w", encoding="utf-8") as page:
            page.write("<p>" + "page " * 200)
        running = subprocess.Popen(server(port), cwd=folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            tap = Tap(port)
            counted = subprocess.run(client(tap.port), check=True, input=b"y" * 900,
                                     stdout=subprocess.PIPE).stdout.decode()
            time.sleep(0.3)
        finally:
            running.kill()
            running.wait()
    with open(path, "w", encoding="ascii") as file:
        file.write(f"# {how}\n")
        file.writelines(f"= {line}\n" for line in counted.splitlines())
        for pieces in tap.connections:
            file.write("@\n")
            for kind, piece in pieces:
                escaped = repr(piece)[2:-1].replace("\\'", "'")
                file.write(f"{kind} {escaped}\n")
            file.write(".\n")


def curl(*arguments):
    def command(port):
        base = f"http://127.0.0.1:{port}"
        return [*CURL, *(word.replace("BASE", base) for word in arguments)]
    return command


def main(folder):
    def get(*paths):
        return [word for path in paths for word in ("-o", os.devnull, "BASE" + path)]

    python = ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1"]
    for version, name in (("HTTP/1.0", "python_1_0"), ("HTTP/1.1", "python_1_1")):
        record(os.path.join(folder, f"{name}_curl.txt"),
               lambda port, said=version: [*python, "--protocol", said, str(port)],
               curl(*get("/", "/page.html?a=b", "/missing/page"), "--next", "-s", "-w", COUNTED,
                    "--head", *get("/page.html"), "--next", "-s", "-w", COUNTED, "-X", "POST",
                    "-d", "a=b", *get("/form")),
               f"curl; python3 -m http.server --protocol {version}")
    node = lambda port: ["node", "-e", NODE_SERVER, str(port)]  # noqa: E731
    more = ["--next", "-s", "-w", COUNTED]
    record(os.path.join(folder, "node_curl.txt"), node,
           curl(*get("/", "/plain", "/empty", "/same"), *more, "-H", "Expect: 100-continue", "-d",
                "some=data", *get("/expected"), "--next", "-s", "-w", COUNTED_CHUNKED, "-H",
                "Transfer-Encoding: chunked", "-T", "-", *get("/upload"), *more, "-X", "PATCH", "-d", "{}", *get("/users/42/name"),
                *more, "-X", "PROPFIND", *get("/dav")),
           "curl; node's http")
    record(os.path.join(folder, "node_python.txt"), node,
           lambda port: ["/usr/bin/python3", "-c", PYTHON_CLIENT, str(port)],
           "Python's http.client; node's http")
    record(os.path.join(folder, "node_curl_1_0.txt"), node,
           curl("--http1.0", *get("/", "/plain", "/same")), "curl --http1.0; node's http")


if __name__ == "__main__":
    main(sys.argv[1])
