"""A collector of the tests' own. It parses the demonstration's requests with http.client and protoc's module, and sends the
answers that a test gives it, invalid ones too. Called by: otlp_export_test.
"""
import collections
import http.client
import os
import select
import socket
import threading
import time

import proto_module

MESSAGES = proto_module.module_of(os.path.join(os.path.dirname(os.path.abspath(__file__)), "otlp_trace.proto"))
TYPE = "application/x-protobuf"

Request = collections.namedtuple("Request", "method target version headers body come_at")
# What goes out, in pieces between which it waits; whether the connection ends behind it.
Reply = collections.namedtuple("Reply", "pieces ends pause_s", defaults=(False, 0.02))


def answer(status, body=b"", **headers):
    """A well-formed answer; header names with _ for -."""
    given = {"Content_Type": TYPE, "Content_Length": len(body), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items() if value is not None)
    return f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unheard of')}\r\n{lines}\r\n".encode() + body


def reply(status, body=b"", **headers):
    return Reply([answer(status, body, **headers)])


def partial_success(rejected, message="no room"):
    return MESSAGES.ExportTraceServiceResponse(partial_success=MESSAGES.ExportTracePartialSuccess(
        rejected_spans=rejected, error_message=message)).SerializeToString()


def failure(message):
    return MESSAGES.RpcStatus(message=message).SerializeToString()


def spans_of(body):
    """[(service.name, scope, span)]. What is not in the .proto, or is cut off, is an AssertionError or a DecodeError."""
    request = MESSAGES.ExportTraceServiceRequest.FromString(body)
    assert request.SerializeToString() == body, "fields out of order, doubled or unknown"
    found = []
    for resource_spans in request.resource_spans:
        attributes = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                assert not span.UnknownFields(), span
                found.append((attributes["service.name"], scope_spans.scope, span))
    return found


class Collector:
    """`decide(request)` gives the Reply, or None to say nothing and keep the connection until the end."""

    def __init__(self, decide, family=socket.AF_INET, host="127.0.0.1"):
        self._decide, self._lock = decide, threading.Lock()
        self.requests, self.connections, self._open = [], 0, set()
        self._listener = socket.socket(family)
        self._listener.bind((host, 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while self._serve_one(connection, stream):
                    pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _serve_one(self, connection, stream):
        line = stream.readline()
        if not line:
            return False
        method, target, version = line.decode("ascii").rstrip("\r\n").split(" ")
        headers = http.client.parse_headers(stream)
        body = stream.read(int(headers["Content-Length"]))
        if len(body) < int(headers["Content-Length"]):
            return False  # its sender was killed
        request = Request(method, target, version, headers, body, time.monotonic())
        with self._lock:
            self.requests.append(request)
            said = self._decide(request)
        if said is None:
            stream.read()  # until the other side ends
            return False
        for number, piece in enumerate(said.pieces):
            time.sleep(said.pause_s if number else 0)
            connection.sendall(piece)
        return not said.ends

    def bodies(self):
        with self._lock:
            return [request.body for request in self.requests]

    def is_left(self):
        """Whether every connection was taken and has ended: the requests are all there are."""
        waiting = select.select([self._listener], [], [], 0)[0]
        with self._lock:
            return not waiting and not self._open

    def end(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                connection.shutdown(socket.SHUT_RDWR)
