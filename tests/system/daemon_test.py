#!/usr/bin/python3
"""notchd as a user starts it: its command line, exit codes, messages and end; TLS and passwords; another user;
retention, and rows per process.
Called by: ctest, as daemon_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import pwd
import signal
import socket
import subprocess
import unittest

import agent_test_case
import live_agent
import scratch

NOTCHD = agent_test_case.NOTCHD
PASSWORD = "open sesame"
HASH = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"


def run(*flags):
    """The program to its end: (exit code, output, errors)."""
    done = subprocess.run([NOTCHD, *flags], capture_output=True, text=True, check=False, timeout=60,
                          env=live_agent.environment())
    return done.returncode, done.stdout, done.stderr


class CommandLine(unittest.TestCase):
    def test_help_names_every_option_and_exit_code(self):
        code, output, errors = run("--help")
        self.assertEqual((code, errors), (0, ""))
        for word in ("--dir", "--listen", "--web.config.file", "--per-process", "--retention", "Exit codes"):
            self.assertIn(word, output)

    def test_version_is_one_line(self):
        code, output, errors = run("--version")
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(output, r"\Anotchd \d+\.\d+\.\d+\n\Z")

    def test_wrong_usage_names_what_is_wrong(self):
        for flags, words in (
                (["--nosuch"], "--nosuch"), (["now"], "now"), (["--dir"], "--dir"), (["--dir", ""], "must not be empty"),
                (["--retention", "soon"], '--retention: "soon" is not a duration'),
                (["--sweep-ms", "5"], "--sweep-ms"), (["--log.level", "loud"], "--log.level"),
                (["--web.telemetry-path", "metrics"], '"metrics" must start with /'),
                (["--limit.series", "many"], "--limit.series")):
            with self.subTest(flags=flags):
                code, output, errors = run(*flags)
                self.assertEqual((code, output), (2, ""))
                self.assertIn(words, errors)
                self.assertIn("notchd --help", errors)


class Refusals(agent_test_case.AgentTestCase):
    def assert_refused(self, code, words, *flags, directory=None):
        got, _, errors = run("--dir", directory or self.agent.directory,
                             "--listen", "127.0.0.1:0", *flags)
        self.assertEqual(got, code, errors)
        for part in words:
            self.assertIn(part, errors)

    def test_a_second_agent_on_the_directory_names_the_first(self):
        self.agent.start_and_wait()
        self.assert_refused(3, [f"process {self.agent.process.pid} is the agent of {self.agent.directory}"])
        self.assertIsNotNone(self.agent.scrape())

    def test_a_directory_of_another_users_agent_is_said_to_be_one(self):
        if os.geteuid() != 0:
            self.skipTest("not root: cannot start an agent as nobody")
        self.agent.start_and_wait()
        os.chmod(self.folder, 0o755)
        lock = os.path.join(self.agent.directory, "agent.lock")
        nobody = pwd.getpwnam("nobody")
        program = live_agent.copy_for_all(NOTCHD, self.folder)
        done = subprocess.run([program, "--dir", self.agent.directory, "--listen", "127.0.0.1:0"], capture_output=True,
                              text=True, check=False, timeout=60, env=live_agent.environment(), extra_groups=[],
                              user=nobody.pw_uid, group=nobody.pw_gid)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(f"another user's agent has used the directory: cannot open its lock {lock}: Permission denied",
                      done.stderr)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assert_refused(4, [f"cannot listen on {address}", "in use"], "--listen", address)

    def test_an_address_without_a_port_is_a_wrong_command_line_and_leaves_nothing(self):
        for address in ("9464", "127.0.0.1", "::1:9464", "127.0.0.1:port"):
            with self.subTest(address), scratch.folder() as parent:
                directory = os.path.join(parent, "segments")
                code, _, errors = run("--dir", directory, "--listen", address)
                self.assertEqual(code, 2, errors)
                self.assertIn(f'"{address}" is no address to listen on', errors)
                self.assertEqual(os.listdir(parent), [])

    def test_a_bad_web_configuration_is_named_by_file_and_line(self):
        path = os.path.join(self.folder, "web.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("tls_server_config:\n  cert_file: a\n  key_file: b\n  min_vresion: TLS13\n")
        self.assert_refused(4, [f"{path}:4: ", "min_vresion"], "--web.config.file", path)
        self.assert_refused(4, ["/nonexistent.yml"], "--web.config.file", "/nonexistent.yml")

    def test_a_ledger_with_a_damaged_header_ends_no_start(self):
        self.agent.start_and_wait()
        worker = self.worker()
        worker.say("counter", "kept_jobs_total", 6)
        self.await_sample(6, "kept_jobs_total", 'service="shop"')
        worker.end()
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.assertEqual(self.agent.stop(), 0)
        ledger = os.path.join(self.agent.directory, "agent.ledger")
        for i, (damage, left) in enumerate(((lambda old: bytes([old[0] ^ 16]) + old[1:], 6), (lambda old: old[:39], None))):
            with open(ledger, "rb") as file:
                damaged = damage(file.read())
            with open(ledger, "wb") as file:
                file.write(damaged)
            self.agent.start_and_wait()
            self.await_sample(1, "notch_agent_ledger_broken_frames_total")
            self.assertEqual(self.agent.samples("kept_jobs_total").get(("kept_jobs_total", 'service="shop"')), left)
            self.assertEqual(self.agent.stop(), 0)
            with open(ledger + ".broken" + ("" if i == 0 else f"-{i + 1}"), "rb") as file:
                self.assertEqual(file.read(), damaged)
        self.assertIn("kept as agent.ledger.broken-2", self.agent.log())

    def test_a_directory_that_cannot_be_made_is_named(self):
        plain = os.path.join(self.folder, "plain")
        with open(plain, "w", encoding="utf-8"):
            pass
        for directory in (plain, plain + "/below", "/proc/nonexistent"):
            with self.subTest(directory):
                self.assert_refused(3, [directory], directory=directory)


class Ends(agent_test_case.AgentTestCase):
    def test_sigterm_and_sigint_end_it_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.agent.start_and_wait()
            self.agent.process.send_signal(number)
            self.assertEqual(self.agent.process.wait(30), 0)
            self.assertIn(f"signal {number.value}: ending", self.agent.log())

    def test_no_other_signal_ends_it(self):
        web = os.path.join(self.folder, "web.yml")
        with open(web, "w", encoding="utf-8") as file:
            file.write("http_server_config:\n  headers:\n    X-Frame-Options: deny\n")
        self.agent = self.new_agent("--web.config.file", web)
        self.agent.start_and_wait()
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP):
            self.agent.process.send_signal(number)
        live_agent.until(20, "the line about SIGHUP", lambda: "SIGHUP: the web configuration is in force" in self.agent.log())
        with open(web, "w", encoding="utf-8") as file:
            file.write("http_server_confg: {}\n")
        self.agent.process.send_signal(signal.SIGHUP)
        live_agent.until(20, "the refusal", lambda: "SIGHUP: the web configuration was refused" in self.agent.log())
        self.assertEqual(self.agent.get("/-/ready").headers["X-Frame-Options"], "deny")
        reloads = self.agent.samples("notch_agent_web_config_reloads_total")
        self.assertEqual({labels: value for (_, labels), value in reloads.items()}, {'outcome="taken"': 1, 'outcome="refused"': 1})

    def test_a_response_in_flight_finishes(self):
        self.agent.start_and_wait()
        worker = self.worker()
        for i in range(1500):
            worker.say("histogram", "long_size_bytes", 1, {"route": f"{i:04d}" + "x" * 1000})
        length = len(self.agent.get("/metrics?collect[]=segments").body)
        self.assertGreater(length, 8_000_000)  # more than the sockets hold
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect(("127.0.0.1", self.agent.port))
            client.sendall(b"GET /metrics?collect[]=segments HTTP/1.1\r\nHost: x\r\n\r\n")
            got = client.recv(1000)
            self.agent.process.send_signal(signal.SIGTERM)
            live_agent.until(10, "the signal's line in the log", lambda: "ending" in self.agent.log())
            self.assertIsNone(self.agent.process.poll())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # the rest within the time that the end waits
            while True:
                part = client.recv(1 << 20)
                if not part:
                    break
                got += part
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertIn(b"200 OK", head)
        self.assertEqual(len(body), length)
        self.assertEqual(self.agent.process.wait(30), 0)


class Rows(agent_test_case.AgentTestCase):
    def rows(self, name):
        return {labels: value for (_, labels), value in self.agent.samples(name).items()}

    def test_a_dead_processes_row_leaves_after_its_retention(self):
        self.agent = self.new_agent("--retention", "1s")
        self.agent.start_and_wait()
        worker, stays = self.worker(), self.worker()
        worker.say("counter", "rows_gone_total", 3)
        stays.say("counter", "rows_kept_total", 4)
        self.await_sample(3, "rows_gone_total", 'service="shop"')
        worker.end()
        live_agent.until(30, "the row's end", lambda: not self.rows("rows_gone_total"))
        self.assertEqual(self.rows("rows_kept_total"), {'service="shop"': 4})
        self.await_sample(1, "notch_agent_retired_rows_total")

    def test_without_retention_it_stays(self):
        self.agent.start_and_wait()
        worker = self.worker()
        worker.say("counter", "rows_gone_total", 3)
        self.await_sample(3, "rows_gone_total", 'service="shop"')
        worker.end()
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.assertEqual(self.rows("rows_gone_total"), {'service="shop"': 3})

    def test_per_process_gives_each_its_row_and_the_dead_linger(self):
        self.agent = self.new_agent("--per-process", "--linger", "5s")
        self.agent.start_and_wait()
        first, second = self.worker(), self.worker()
        first.say("counter", "rows_jobs_total", 3)
        second.say("counter", "rows_jobs_total", 4)
        own = {worker.pid: f'service="shop",pid="{worker.pid}"' for worker in (first, second)}
        self.assertEqual(self.rows("rows_jobs_total"), {own[first.pid]: 3, own[second.pid]: 4})
        first.end()
        self.await_sample(1, "notch_agent_segments", 'state="dead"')
        self.assertEqual(self.rows("rows_jobs_total"), {own[first.pid]: 3, own[second.pid]: 4})
        live_agent.until(30, "the row's end", lambda: self.rows("rows_jobs_total") == {own[second.pid]: 4})
        live_agent.until(30, "the file's end", lambda: len(self.agent.segment_names()) == 1)


class Security(agent_test_case.AgentTestCase):
    def curl(self, *arguments):
        """(what curl ended with, the status, the body)."""
        done = subprocess.run(["curl", "--silent", "--max-time", "30", "--write-out", "\n%{http_code}", *arguments],
                              capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return done.returncode, int(status), body

    def test_tls_and_a_password_by_the_web_configuration(self):
        crt, key = (os.path.join(self.folder, "server." + kind) for kind in ("crt", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=notch", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-out", crt, "-keyout", key], check=True, capture_output=True)
        web = os.path.join(self.folder, "web.yml")
        with open(web, "w", encoding="utf-8") as file:
            file.write("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
                       f"basic_auth_users:\n  ali: {HASH}\n")
        self.agent = self.new_agent("--web.config.file", web)
        self.agent.start()
        live_agent.until(30, "the line in the log", lambda: "serving https://" in self.agent.log())
        address = f"https://{self.agent.address}/metrics"
        code, status, body = self.curl("--cacert", crt, "--user", f"ali:{PASSWORD}", address)
        self.assertEqual((code, status), (0, 200))
        self.assertIn("notch_agent_build_info", body)
        self.assertEqual(self.curl("--cacert", crt, "--user", "ali:wrong", address)[:2], (0, 401))
        self.assertEqual(self.curl("--cacert", crt, address)[:2], (0, 401))
        self.assertEqual(self.curl(address)[0], 60)  # a certificate that curl does not trust
        self.assertEqual(self.curl(f"http://{self.agent.address}/metrics")[1], 400)

    def test_another_user_serves_and_folds_what_root_counts(self):
        if os.geteuid() != 0:
            self.skipTest("not root: cannot start an agent as nobody")
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.folder, 0o755)
        home = os.path.join(self.folder, "home")
        os.mkdir(home)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        self.agent = self.new_agent(name="home/segments")
        self.agent.start_as(nobody)
        live_agent.until(30, "the agent's first page", self.agent.answers)
        self.assertEqual(os.stat(self.agent.directory).st_uid, nobody.pw_uid)
        worker = self.worker()
        worker.say("counter", "rows_jobs_total", 3)
        self.await_sample(3, "rows_jobs_total", 'service="shop"')
        worker.end()
        live_agent.until(30, "the fold", self.agent.all_folded)
        self.await_sample(3, "rows_jobs_total", 'service="shop"')
        self.assertEqual(self.agent.segment_names(), [])


if __name__ == "__main__":
    unittest.main()
