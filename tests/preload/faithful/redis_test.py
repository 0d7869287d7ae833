#!/usr/bin/python3
"""redis-server under the library: every type of command, pipelines, BGSAVE's fork, the append-only file, a replica,
redis-benchmark. Called by: ctest, with faithful_case's arguments.
"""
import hashlib
import os
import socket
import subprocess
import time
import unittest

import faithful_case
import stage


class Client:
    """Speaks RESP over one connection; it is not under test."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")

    def send(self, *commands):
        self.socket.sendall(b"".join(
            b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
            for words in ([str(word).encode() for word in command] for command in commands)))

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return line.decode(errors="replace").strip()

    def call(self, *command):
        self.send(command)
        return self.reply()

    def pipeline(self, commands):
        self.send(*commands)
        return [self.reply() for _ in commands]

    def info(self, field):
        return dict(line.split(":", 1) for line in self.call("INFO").splitlines() if ":" in line)[field]

    def close(self):
        self.file.close()
        self.socket.close()


def start_server(run, name, *flags):
    """(the program, a client)"""
    folder = run.path(name)
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "s")
    server = run.start("redis-server", "--port", "0", "--unixsocket", path, "--unixsocketperm", "777", "--dir", folder,
                       "--save", "", "--enable-debug-command", "yes", "--hz", "10", *flags,
                       stdout=subprocess.DEVNULL)
    stage.until(30, f"{name} listening", lambda: os.path.exists(path))
    client = run.own(stage.until(30, f"{name} connecting", lambda: _connected(path)))
    stage.until(30, f"{name} loaded", lambda: client.call("PING") == "+PONG")
    return server, client


def _connected(path):
    try:
        return Client(path)
    except OSError:
        return None


def await_end(field, client):
    """Asks seldom: each question is a few calls more of the server's."""
    time.sleep(1.5)
    stage.until(60, field, lambda: client.info(field) == "0", pause_s=1)


def commands(count):
    """Writes and reads of every type, in an order that is always the same."""
    for i in range(count):
        yield from (("SET", f"s{i}", "v" * (i % 300)), ("GET", f"s{i // 2}"), ("INCRBY", "n", i), ("LPUSH", f"l{i % 7}", i),
                    ("HSET", f"h{i % 5}", i, i * i), ("ZADD", f"z{i % 3}", i % 101, i), ("SADD", "set", i % 50),
                    ("ZRANGE", f"z{i % 3}", 0, 5), ("LRANGE", f"l{i % 7}", 0, 3), ("HGET", f"h{i % 5}", i), ("NOSUCH", i))
    yield from (("EVAL", "local t=0 for i=1,1000 do t=t+i end return t", "0"), ("SETRANGE", "big", 100000, "x"),
                ("STRLEN", "big"), ("SORT", "set", "LIMIT", 0, 5), ("DEBUG", "OBJECT", "absent"))


def digest(values):
    return hashlib.sha256(repr(values).encode()).hexdigest()


class Redis(faithful_case.FaithfulCase):
    def test_commands_pipelines_and_limits(self):
        def scenario(run):
            server, client = start_server(run, "one")
            single = [client.call(*command) for command in commands(20)]
            many = client.pipeline(list(commands(50 if run.traced else 500)))
            state = client.call("DEBUG", "DIGEST")
            limited = [client.call("CONFIG", "SET", "maxmemory", "1mb"), client.call("SET", "more", "x" * 2_000_000)[:12]]
            client.send(("SHUTDOWN", "NOSAVE"))
            return {"single": single, "many": digest(many), "state": state, "limited": limited, "status": server.wait()}
        self.assert_faithful(scenario)

    def test_saves_by_a_fork_and_comes_back(self):
        def scenario(run):
            server, client = start_server(run, "one", "--appendonly", "yes", "--appendfsync", "always",
                                          "--aof-use-rdb-preamble", "yes", "--auto-aof-rewrite-percentage", "0")
            client.pipeline(list(commands(10 if run.traced else 300)))
            seen = {"before": client.call("DEBUG", "DIGEST"), "bgsave": client.call("BGSAVE")}
            await_end("rdb_bgsave_in_progress", client)
            seen["saved"] = client.info("rdb_last_bgsave_status")
            seen["rewrite"] = client.call("BGREWRITEAOF")
            await_end("aof_rewrite_in_progress", client)
            seen["rewritten"] = client.info("aof_last_bgrewrite_status")
            client.call("SET", "after", "the rewrite")
            seen["after"] = client.call("DEBUG", "DIGEST")
            seen["killed"] = server.stop(9)
            os.unlink(run.path("one", "s"))
            server, client = start_server(run, "one", "--appendonly", "yes")
            seen["loaded"] = client.call("DEBUG", "DIGEST")
            seen["status"] = server.stop()
            return seen
        self.assert_faithful(scenario)


class Replication(faithful_case.FaithfulCase):
    def test_a_replica_follows(self):
        def scenario(run):
            port = free_port()
            first, client = start_server(run, "first", "--port", port, "--repl-diskless-sync", "no")
            client.pipeline(list(commands(20)))
            second, copy = start_server(run, "second", "--replicaof", "127.0.0.1", port)
            stage.until(60, "the link", lambda: copy.info("master_link_status") == "up")
            client.pipeline(list(commands(40)))
            seen = {"wait": client.call("WAIT", "1", "20000"), "first": client.call("DEBUG", "DIGEST"),
                    "second": copy.call("DEBUG", "DIGEST"), "refused": copy.call("SET", "a", "b")}
            return seen | {"statuses": [second.stop(), first.stop()]}
        self.assert_faithful(scenario, trace=False)


class Benchmark(faithful_case.FaithfulCase):
    """redis-benchmark and the server both under the library, with threads of the server's own."""

    def test_redis_benchmark(self):
        def scenario(run):
            server, client = start_server(run, "one", "--io-threads", "2", "--appendonly", "yes")
            made = run.run("redis-benchmark", "-s", run.path("one", "s"), "-n", "20000", "-P", "8", "-c", "20",
                           "-t", "set,get,incr,lpush,lrange_100,mset", "--csv")
            tests = [line.split(",")[0] for line in made["stdout"].splitlines()]
            keys = client.call("DBSIZE")
            client.send(("SHUTDOWN", "NOSAVE"))
            return {"tests": tests, "status": made["status"], "stderr": made["stderr"], "keys": keys,
                    "server": server.wait()}
        self.assert_faithful(scenario, trace=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


if __name__ == "__main__":
    faithful_case.main("redis-server", "redis-benchmark")
