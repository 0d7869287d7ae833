#!/usr/bin/python3
"""notchd on Unix sockets, asked by curl and by `notch ready`: who may connect, the file that a dead agent
leaves, the socket that a living agent keeps, other files at its path, and sockets that systemd passes.
Called by: ctest, as unix_socket_test.py NOTCHD SPOKEN_WORKER NOTCH.
"""
import os
import shutil
import socket
import stat
import subprocess
import sys
import unittest

NOTCH = sys.argv.pop()

import agent_test_case
import live_agent

NOTCHD = agent_test_case.NOTCHD
AGENT, FELLOW, STRANGER, GROUP = 61000, 61001, 61002, 61500
ACTIVATE = shutil.which("systemd-socket-activate")


def curl(path, *flags, url="http://localhost/metrics", **identity):
    """(exit code, what it printed); 7 says that it could not connect."""
    done = subprocess.run(["curl", "-sS", "--max-time", "20", "--unix-socket", path, *flags, url], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, **identity)
    return done.returncode, done.stdout.decode()


class UnixSocketCase(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.folder, "place")
        os.mkdir(self.place)
        self.path = os.path.join(self.place, "agent.sock")
        self.address = "unix:" + self.path

    def start(self, *flags, name="segments", umask=-1, **identity):
        agent = self.new_agent("--listen", self.address, *flags, name=name)
        agent.start(umask=umask, **identity)
        live_agent.until(30, "the agent's first page", agent.answers)
        return agent

    def assert_served(self, path=None, **identity):
        code, page = curl(path or self.path, **identity)
        self.assertEqual(code, 0)
        self.assertIn("\nnotch_agent_build_info{", page)

    def refused(self, *flags, code=4, name="other"):
        """What a start that fails says."""
        directory = os.path.join(self.folder, name)
        done = subprocess.run([NOTCHD, "--dir", directory, *flags], capture_output=True, text=True, check=False, timeout=60,
                              env=live_agent.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def mode(self):
        return stat.S_IMODE(os.lstat(self.path).st_mode)


class Serving(UnixSocketCase):
    def test_curl_and_notch_ready_are_answered_beside_tcp_and_the_file_goes_with_the_agent(self):
        agent = self.start()
        self.assert_served()
        self.assertIn("notch_agent_build_info", agent.scrape())
        self.assertIn(f"serving http://{self.address}:/metrics", agent.log())
        done = subprocess.run([NOTCH, "ready", "--address", self.address], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"notchd at {self.address} is ready\n"))
        self.assertEqual(os.listdir(self.place), ["agent.sock"])
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(os.listdir(self.place), [])
        done = subprocess.run([NOTCH, "ready", "--address", self.address], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)

    def test_an_abstract_name_is_served_and_leaves_no_file(self):
        self.address = f"unix:@notchd-test-{os.getpid()}"
        self.start()
        self.assertEqual(subprocess.run([NOTCH, "ready", "--address", self.address], check=False).returncode, 0)
        done = subprocess.run(["curl", "-sS", "--abstract-unix-socket", self.address[6:], "http://localhost/metrics"],
                              capture_output=True, text=True, check=False)
        self.assertIn("\nnotch_agent_build_info{", done.stdout)
        self.assertEqual(os.listdir(self.place), [])
        self.assertIn("in use", self.refused("--listen", self.address))

    def test_passwords_are_asked_for_there_too(self):
        web = os.path.join(self.folder, "web.yml")
        with open(web, "w", encoding="utf-8") as file:
            file.write("basic_auth_users:\n  ann: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n")
        agent = self.new_agent("--listen", self.address, "--web.config.file", web)
        agent.start()
        live_agent.until(30, "the socket", lambda: os.path.exists(self.path))
        self.assertEqual(curl(self.path)[1], "Unauthorized\n")
        self.assertIn("notch_agent_build_info", curl(self.path, "--user", "ann:open sesame")[1])


class Access(UnixSocketCase):
    def test_the_mode_does_not_go_by_the_umask(self):
        for umask, flags, mode in ((0o000, (), 0o660), (0o777, (), 0o660), (0o022, ("--listen.mode", "0600"), 0o600),
                                   (0o077, ("--listen.mode", "666"), 0o666)):
            with self.subTest(umask=oct(umask), flags=flags):
                agent = self.start(*flags, umask=umask)
                self.assertEqual(self.mode(), mode)
                self.assertEqual(agent.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be several users")
    def test_the_owner_and_the_group_may_connect_and_no_other_user(self):
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, AGENT, AGENT)
        os.chown(self.place, AGENT, AGENT)
        self.start("--listen.group", str(GROUP), user=AGENT, group=AGENT, extra_groups=[GROUP])
        status = os.lstat(self.path)
        self.assertEqual((status.st_uid, status.st_gid, self.mode()), (AGENT, GROUP, 0o660))
        self.assert_served(user=AGENT, group=AGENT, extra_groups=[])
        self.assert_served(user=FELLOW, group=FELLOW, extra_groups=[GROUP])
        self.assertEqual(curl(self.path, user=STRANGER, group=STRANGER, extra_groups=[])[0], 7)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be several users")
    def test_a_group_that_the_agent_is_not_in_is_refused_and_nothing_is_left(self):
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, AGENT, AGENT)
        os.chown(self.place, AGENT, AGENT)
        agent = self.new_agent("--listen", self.address, "--listen.group", str(GROUP))
        agent.start(user=AGENT, group=AGENT, extra_groups=[])
        self.assertEqual(agent.process.wait(30), 4)
        self.assertIn(f"cannot listen on {self.address}: it cannot be given to the group {GROUP}: Operation not permitted",
                      agent.log())
        self.assertEqual(os.listdir(self.place), [])

    def test_a_place_that_others_may_write_is_warned_of(self):
        os.chmod(self.place, 0o1777)
        self.assertIn(f"others may write {self.place}", self.start().log())

    def test_wrong_flags_are_wrong_usage(self):
        for flags, words in ((("--listen", self.address, "--listen.mode", "rw-rw----"), "is not a file mode"),
                             (("--listen", self.address, "--listen.mode", "1777"), "is not a file mode"),
                             (("--listen", self.address, "--listen.group", "no-such-group"), "is neither a group of this host"),
                             (("--listen", "127.0.0.1:0", "--listen.mode", "0600"), "needs an address --listen unix:PATH"),
                             (("--listen.group", "0", "--listen", "unix:@name"), "needs an address --listen unix:PATH")):
            with self.subTest(flags=flags):
                self.assertIn(words, self.refused(*flags, code=2))


class Places(UnixSocketCase):
    def test_what_a_killed_agent_left_is_replaced(self):
        agent = self.start()
        agent.kill()
        left = os.lstat(self.path).st_ino
        self.assertEqual(curl(self.path)[0], 7)
        self.start(name="next")
        self.assertNotEqual(os.lstat(self.path).st_ino, left)
        self.assert_served()
        self.assertEqual(os.listdir(self.place), ["agent.sock"])

    def test_the_socket_of_a_living_agent_is_not_stolen(self):
        self.start()
        kept = os.lstat(self.path).st_ino
        errors = self.refused("--listen", self.address)
        self.assertIn(f"cannot listen on {self.address}: another process listens on it", errors)
        self.assertEqual(os.lstat(self.path).st_ino, kept)
        self.assert_served()
        self.assertEqual(os.listdir(self.place), ["agent.sock"])

    def test_a_full_queue_is_a_living_socket_too(self):
        with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
            busy.bind(self.path)
            busy.listen(0)
            first.connect(self.path)
            self.assertIn("another process listens on it", self.refused("--listen", self.address))

    def test_another_files_place_is_not_taken(self):
        for kind, make in (("file", lambda: open(self.path, "x", encoding="utf-8").close()),
                           ("directory", lambda: os.mkdir(self.path)),
                           ("link", lambda: os.symlink("nowhere", self.path))):
            with self.subTest(kind):
                make()
                kept = os.lstat(self.path)
                self.assertIn(f"cannot listen on {self.address}: it exists and is no socket, so it is not replaced",
                              self.refused("--listen", self.address))
                self.assertEqual((os.lstat(self.path).st_ino, os.listdir(self.place)), (kept.st_ino, ["agent.sock"]))
                os.rmdir(self.path) if kind == "directory" else os.unlink(self.path)

    def test_a_datagram_socket_is_not_taken(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(self.path)
            self.assertIn("whether another process listens on it is unknown", self.refused("--listen", self.address))

    def test_what_took_the_agents_place_is_not_removed_with_it(self):
        agent = self.start()
        os.rename(self.path, self.path + ".aside")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.path)
            self.assertEqual(agent.stop(), 0)
            self.assertIn("agent.sock", os.listdir(self.place))

    def test_a_missing_directory_and_a_long_path_are_named(self):
        self.assertIn(f"its directory {self.place}/none: No such file or directory",
                      self.refused("--listen", f"unix:{self.place}/none/agent.sock"))
        self.assertIn("a socket's name has at most 107 bytes, this one has 108",
                      self.refused("--listen", "unix:" + "/x".ljust(108, "x"), code=2))
        for address in ("unix:", "unix:agent.sock", "unix:/run/", "unix:9464"):
            self.assertIn("want unix:/PATH", self.refused("--listen", address, code=2))

    def test_of_many_that_start_at_once_one_gets_the_place_of_the_dead(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        agents = [self.new_agent("--listen", self.address, "--ebpf=off", name=f"segments_{i}") for i in range(6)]
        for agent in agents:
            agent.start()
        live_agent.until(60, "five to end", lambda: sum(a.process.poll() is None for a in agents) == 1)
        self.assertEqual(sorted(a.process.poll() or 0 for a in agents), [0, 4, 4, 4, 4, 4])
        (winner,) = [a for a in agents if a.process.poll() is None]
        self.assert_served()
        self.assertEqual(os.listdir(self.place), ["agent.sock"])
        self.assertEqual(winner.stop(), 0)
        self.assertEqual(os.listdir(self.place), [])


@unittest.skipUnless(ACTIVATE, "systemd-socket-activate is not there")
class Activation(UnixSocketCase):
    def test_a_socket_of_systemds_is_served_and_left_to_it(self):
        with open(os.path.join(self.folder, "log"), "wb") as log:
            process = subprocess.Popen(
                [ACTIVATE, "-l", self.path, NOTCHD, "--dir", os.path.join(self.folder, "segments"), "--web.systemd-socket"],
                stderr=log, env=live_agent.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        live_agent.until(20, "systemd's socket", lambda: os.path.exists(self.path))
        self.assert_served()
        process.terminate()
        self.assertEqual(process.wait(30), 0)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            self.assertIn(f"serving http://{self.address}:/metrics", log.read())
        self.assertTrue(os.path.exists(self.path))


if __name__ == "__main__":
    unittest.main()
