#!/usr/bin/python3
"""notchd tells a service manager that it is ready once it serves, its status, that its loop is alive, and that it ends. The
manager is a socket of the test's own, which reads what systemd would. Called by: ctest, as
supervision_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import signal
import socket
import time
import unittest

import agent_test_case

PERIOD_S = 1.0  # of the watchdog


class Supervision(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder, "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(path)
        self.manager.settimeout(20)
        self.environment = {"NOTIFY_SOCKET": path}

    def start(self, **more):
        for name, value in {**self.environment, **more}.items():
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name)
        self.agent.start()

    def next_words(self):
        return self.manager.recv(4096).decode().splitlines()

    def words_for(self, seconds):
        """All that is said in so long."""
        said, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.manager.settimeout(left)
            try:
                said += self.next_words()
            except TimeoutError:
                break
        self.manager.settimeout(20)
        return said

    def await_words(self, words):
        said = []
        while words not in said:
            said += self.next_words()
        return said

    def test_it_is_ready_when_it_serves(self):
        self.start()
        self.assertIn("STATUS=counting 0 processes, 0 series", self.await_words("READY=1"))
        self.assertEqual(self.agent.get("/-/ready").status, 200)

    def test_it_says_that_it_ends(self):
        self.start()
        self.await_words("READY=1")
        self.assertEqual(self.agent.stop(), 0)
        self.assertIn("STOPPING=1", self.await_words("STOPPING=1"))

    def test_without_a_watchdog_it_is_silent(self):
        self.start()
        self.await_words("READY=1")
        self.assertEqual(self.words_for(2), [])

    def test_the_loop_answers_the_watchdog(self):
        self.start(WATCHDOG_USEC=str(int(PERIOD_S * 1e6)))
        self.await_words("READY=1")
        said = self.words_for(4 * PERIOD_S)
        self.assertGreaterEqual(said.count("WATCHDOG=1"), 4)

    def test_a_loop_that_hangs_does_not_answer(self):
        self.start(WATCHDOG_USEC=str(int(PERIOD_S * 1e6)))
        self.await_words("WATCHDOG=1")
        self.agent.process.send_signal(signal.SIGSTOP)
        self.words_for(0.2)  # what was on its way
        self.assertEqual(self.words_for(2 * PERIOD_S), [])
        self.agent.process.send_signal(signal.SIGCONT)
        self.await_words("WATCHDOG=1")

    def test_another_process_s_watchdog_is_left_alone(self):
        self.start(WATCHDOG_USEC="1000000", WATCHDOG_PID="1")
        self.await_words("READY=1")
        self.assertEqual(self.words_for(2), [])


if __name__ == "__main__":
    unittest.main()
