"""Sends a server requests in all forms of HTTP/1.1, and returns the answers as bytes.
Called by: server_case.py.

A site has the paths `page`, `absent` (404), `fails` (500) and `large`; a path that is None is not requested.
"""
import collections
import http.client
import re
import socket
import struct
import threading

Site = collections.namedtuple("Site", "page absent fails large")

CHANGING = re.compile(rb"(?mi)^(date): [^\r]*")
LENGTH = re.compile(rb"(?mi)^content-length: *(\d+)")
CONTINUE = b"HTTP/1.1 100"
DEADLINE_S = 30


def request(path, method="GET", *lines, body=b"", version="1.1"):
    head = [f"{method} {path} HTTP/{version}", "Host: localhost", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def post(path, *lines, body):
    return request(path, "POST", f"Content-Length: {len(body)}", *lines, body=body)


def last(path, method="GET", *lines, **parts):
    return request(path, method, "Connection: close", *lines, **parts)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self.said = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed behind an answer

    def receive(self):
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        self.said += piece
        return piece

    def receive_until(self, is_enough):
        while not is_enough(self.said) and self.receive():
            pass

    def receive_answer(self):
        """One more: with a length, a last chunk, or up to the end. Gives whether another may follow."""
        begin = len(self.said)
        self.receive_until(lambda said: b"\r\n\r\n" in said[begin:])
        head, _, _ = self.said[begin:].partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if found:
            self.receive_until(lambda said: len(said) >= begin + len(head) + 4 + int(found[1]))
        elif b"chunked" in head.lower():
            self.receive_until(lambda said: said.endswith(b"\r\n0\r\n\r\n"))
        else:
            self.receive_rest()
        return head.startswith(b"HTTP/1.1") and b"\r\nconnection: close" not in head.lower()

    def receive_rest(self):
        while self.receive():
            pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def keep_alive(client, site):
    for _ in range(5):
        client.send(request(site.page))
        if not client.receive_answer():
            return
    client.send(last(site.page))


def one(client, site):
    client.send(last(site.page))


def old_version(client, site):
    client.send(request(site.page, version="1.0"))


def pipelined(client, site):
    client.send(request(site.page) * 5 + last(site.page))


def not_found(client, site):
    client.send(last(site.absent))


def failing(client, site):
    client.send(last(site.fails))


def heads(client, site):
    client.send(request(site.page, "HEAD"))
    client.receive_until(lambda said: said.endswith(b"\r\n\r\n"))
    client.send(last(site.page))


def with_body(client, site):
    client.send(post(site.page, body=b"b" * 3000))
    if client.receive_answer():
        client.send(post(site.page, "Connection: close", body=b"c" * 100000))


def with_chunks(client, site):
    client.send(last(site.page, "POST", "Transfer-Encoding: chunked"))
    client.send(b"5\r\nhello\r\n")
    client.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")


def expecting(client, site):
    client.send(last(site.page, "POST", "Content-Length: 5", "Expect: 100-continue"))
    client.receive_until(lambda said: b"\r\n\r\n" in said)
    if client.said.startswith(CONTINUE):
        client.send(b"hello")


def large(client, site):
    client.send(last(site.large))


def left_idle(client, site):
    client.send(request(site.page))
    client.receive_answer()
    client.socket.shutdown(socket.SHUT_WR)


def silent(client, _):
    client.socket.shutdown(socket.SHUT_WR)


CONVERSATIONS = (keep_alive, one, old_version, pipelined, not_found, failing, heads, with_body, with_chunks, expecting,
                 large, left_idle, silent)


def converse(port, site, left_out=()):
    """Each conversation once: what came back, without what the time changes."""
    left_out = {*left_out, *(name for path, name in ((site.fails, "failing"), (site.large, "large")) if path is None)}
    answers = {}
    for conversation in CONVERSATIONS:
        if conversation.__name__ in left_out:
            continue
        with Client(port) as client:
            conversation(client, site)
            client.receive_rest()
            answers[conversation.__name__] = CHANGING.sub(rb"\1: -", client.said)
    return answers


def break_off(port, site, times=3):
    """Clients that go amid what they say, and amid the answer."""
    for _ in range(times):
        with Client(port) as client:
            client.send(request(site.page, "POST", "Content-Length: 100000") + b"part")
        if site.large is None:
            continue
        with Client(port) as client:
            client.send(request(site.large))
            client.receive_until(lambda said: len(said) > 1000)
            client.reset()


class Steady:
    """Clients that ask one request after another until the end, whatever becomes of their connections."""

    def __init__(self, port, path, clients=4):
        self.port, self.path = port, path
        self.answered, self.left, self.ends = [0] * clients, [0] * clients, threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self, own):
        connection = None
        while not self.ends.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
                connection.request("GET", self.path)
                answer = connection.getresponse()
                answer.read()
                self.answered[own] += 1
                keeps = not answer.will_close
            except (OSError, http.client.HTTPException):
                self.left[own] += 1  # closed as it was asked, or while nobody listened
                keeps = False
            if not keeps:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def end(self):
        """How many answers there were; `left` says how many requests had none."""
        self.ends.set()
        for thread in self.threads:
            thread.join()
        return sum(self.answered)
