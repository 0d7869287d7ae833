#!/usr/bin/python3
"""Owners of services, with real users: what a user counts under another user's service name stays out of that user's
figures, and servers whose workers change their user stay one service.
Called by: ctest, as service_owners_test.py NOTCHD SPOKEN_WORKER NOTCH PRELOAD_LIBRARY. Needs root, to be several users.
"""
import os
import pwd
import signal
import subprocess
import sys
import unittest
import urllib.request

import agent_test_case
import live_agent

NOTCH, LIBRARY = sys.argv.pop(1), sys.argv.pop(1)
ALICE, BOB, CAROL, AGENT = 61001, 61002, 61003, 61000
NGINX = """
daemon off; master_process on; worker_processes 1; user www-data; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }}
}}
"""


def identity(uid):
    return {"user": uid, "group": uid, "extra_groups": []}


@unittest.skipIf(os.geteuid() != 0, "needs root, to be several users")
class ServiceOwnersCase(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        os.mkdir(self.agent.directory)
        os.chown(self.agent.directory, AGENT, AGENT)
        os.chmod(self.agent.directory, 0o3777)
        self.start()

    def start(self):
        self.agent.start(**identity(AGENT))
        live_agent.until(30, "the agent's first page", self.agent.answers)

    def restart(self):
        self.assertEqual(self.agent.stop(), 0)
        self.start()

    def counting(self, uid, count, seconds=0.5, service="jobs", variables=None):
        worker = self.worker(service, uid, variables)
        self.assertEqual(worker.say("counter", "jobs_total", count), "ok")
        self.assertEqual(worker.say("histogram", "jobs_seconds", seconds), "ok")
        return worker

    def await_both(self, service, count, seconds):
        self.await_sample(count, "jobs_total", f'service="{service}"')
        self.await_sample(seconds, "jobs_seconds_sum", f'service="{service}"')

    def services_of(self, prefix):
        return {labels.split('service="')[1].split('"')[0] for _, labels in self.agent.samples(prefix)}


class ServiceOwners(ServiceOwnersCase):
    def test_a_stranger_adds_nothing_to_anothers(self):
        victim = self.counting(ALICE, 5)
        self.await_both("jobs", 5, 0.5)
        attackers = [self.counting(BOB, 1_000_000, 1e300) for _ in range(2)]
        self.await_both("jobs@61002", 2_000_000, 2e300)
        for _ in range(2):
            self.await_both("jobs", 5, 0.5)
            self.await_sample(1, "process_thread_count", 'service="jobs"')
            self.await_sample(2, "process_thread_count", 'service="jobs@61002"')
            self.restart()
            self.await_both("jobs@61002", 2_000_000, 2e300)
        for attacker in attackers:
            attacker.process.send_signal(signal.SIGSEGV)
        self.await_sample(2, "notch_agent_process_ends_total", 'kind="killed",service="jobs@61002"')
        self.assertEqual(self.services_of("notch_agent_process_ends_total"), {"jobs@61002"})
        self.assertIn('service "jobs" of uid 61002 is shown as "jobs@61002"', self.agent.log())
        self.restart()
        self.await_both("jobs@61002", 2_000_000, 2e300)
        self.await_both("jobs", 5, 0.5)
        # The sum must change by the amount that she adds; beside 1e300 it would not.
        victim.say("histogram", "jobs_seconds", 0.25)
        self.await_both("jobs", 5, 0.75)
        self.assert_pages_sound()

    def test_a_squatter_gives_the_name_back(self):
        squatter = self.counting(BOB, 100)
        self.await_both("jobs", 100, 0.5)
        self.await_sample(1, "process_thread_count", 'service="jobs"')
        os.kill(self.counting(BOB, 30).pid, signal.SIGKILL)
        self.await_sample(1, "notch_agent_process_ends_total", 'kind="killed",service="jobs"')
        self.counting(0, 7)
        self.await_both("jobs@61002", 130, 1.0)
        self.await_both("jobs", 7, 0.5)
        self.assertEqual(self.services_of("notch_agent_process_ends_total"), {"jobs@61002"})
        self.await_sample(1, "notch_agent_renamed_services_total", 'reason="displaced"')
        for service in ("jobs", "jobs@61002"):
            self.await_sample(1, "process_thread_count", f'service="{service}"')
        squatter.say("counter", "jobs_total", 1)
        self.agent.kill()
        self.start()
        self.await_both("jobs@61002", 131, 1.0)
        self.await_both("jobs", 7, 0.5)

    def test_a_key_that_is_forged_opens_nothing(self):
        victim = self.counting(ALICE, 5)
        segments = [name for name in self.agent.segment_names() if name.startswith(f"{victim.pid}-")]
        self.assertEqual(len(segments), 1)
        path = os.path.join(self.agent.directory, segments[0])
        # He has his own key, from a file that he can read; he cannot read hers.
        own = self.counting(BOB, 1)
        names = [name for name in self.agent.segment_names() if name.startswith(f"{own.pid}-")]
        with open(os.path.join(self.agent.directory, names[0]), "rb") as file:
            key = file.read(192)[176:].hex()
        self.assertNotEqual(int(key, 16), 0)
        reading = subprocess.run(["head", "-c", "192", path], capture_output=True, check=False, **identity(BOB))
        self.assertEqual(reading.returncode, 1)
        for forged in (key, os.urandom(16).hex(), "0" * 32):
            self.counting(BOB, 1000, variables={"NOTCH_LINEAGE": forged})
        self.await_sample(3001, "jobs_total", 'service="jobs@61002"')
        self.await_both("jobs", 5, 0.5)
        # The same attempt with the right key, which root can read, succeeds: the key decides.
        with open(path, "rb") as file:
            key = file.read(192)[176:].hex()
        self.counting(CAROL, 20, variables={"NOTCH_LINEAGE": key})
        self.await_both("jobs", 25, 1.0)

    def run_nginx(self):
        port = live_agent.free_port()
        configuration = os.path.join(self.folder, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(NGINX.format(folder=self.folder, port=port))
        nginx = subprocess.Popen(["nginx", "-c", configuration, "-e", os.path.join(self.folder, "error.log")],
                                 start_new_session=True,
                                 env=live_agent.environment(NOTCH_DIR=self.agent.directory, LD_PRELOAD=LIBRARY))
        self.addCleanup(nginx.wait)
        self.addCleanup(os.killpg, nginx.pid, signal.SIGKILL)

        def asked():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    return answer.status == 204
            except OSError:
                return False
        return nginx, asked

    def served(self, service):
        return sum(value for (name, labels), value in self.agent.samples("http_server_request_duration_seconds_count").items()
                   if f'service="{service}"' in labels)

    def test_nginx_stays_one_service(self):
        worker_uid = pwd.getpwnam("www-data").pw_uid
        nginx, asked = self.run_nginx()
        live_agent.until(30, "nginx answers", asked)
        self.assertTrue(asked())
        live_agent.until(20, "two requests", lambda: self.served("nginx") == 2)
        self.worker("nginx", worker_uid).say("counter", "jobs_total", 1_000_000)
        self.await_sample(1_000_000, "jobs_total", f'service="nginx@{worker_uid}"')
        nginx.send_signal(signal.SIGKILL)
        nginx.wait()
        self.await_sample(1, "notch_agent_process_ends_total", 'kind="killed",service="nginx"')
        self.assertTrue(asked())
        live_agent.until(20, "three requests", lambda: self.served("nginx") == 3)
        self.restart()
        self.assertTrue(asked())
        live_agent.until(20, "four requests", lambda: self.served("nginx") == 4)
        self.assertEqual(self.services_of("http_server"), {"nginx"})
        self.assertEqual(self.services_of("jobs_total"), {f"nginx@{worker_uid}"})
        self.await_sample(1, "process_thread_count", 'service="nginx"')

    def test_a_program_of_another_user_under_notch_run_stays_one(self):
        for service, start in (("kept", [NOTCH, "run", "--service", "kept", "--dir", self.agent.directory, "--"]),
                               ("lost", ["env", f"LD_PRELOAD={LIBRARY}", "NOTCH_SERVICE=lost",
                                         f"NOTCH_DIR={self.agent.directory}"])):
            program = subprocess.Popen([*start, "setpriv", f"--reuid={CAROL}", f"--regid={CAROL}", "--clear-groups", "cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=live_agent.environment())
            self.addCleanup(program.stdout.close)
            self.assertEqual(program.communicate(b"x" * 1000, timeout=30)[0], b"x" * 1000)
            self.assertEqual(program.returncode, 0)
        live_agent.until(30, "the folds", self.agent.all_folded)
        self.assertEqual(self.services_of("libc_io_bytes_total"), {"kept", "lost@61003"})
        written = self.agent.samples("libc_io_bytes_total")
        self.assertEqual(sum(value for (_, labels), value in written.items()
                             if 'service="kept"' in labels and 'operation="write"' in labels), 1000)


class NamedOwners(ServiceOwnersCase):
    flags = ("--service-owner", f"jobs={ALICE}")

    def test_a_name_that_is_somebodys_waits_for_him(self):
        self.counting(BOB, 100)
        self.await_both("jobs@61002", 100, 0.5)
        self.counting(0, 7)
        self.counting(ALICE, 5)
        self.await_both("jobs", 12, 1.0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
