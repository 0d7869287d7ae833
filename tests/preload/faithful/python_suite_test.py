#!/usr/bin/python3
"""Parts of CPython's own test suite under the library: each test has the same verdict as in a run without the library.
Called by: ctest, with faithful_case's arguments and a class.

Some tests of the suite may fail here without the library; they must then fail with the library too.
"""
import os
import unittest
import xml.etree.ElementTree as ElementTree

import faithful_case

PYTHON = os.path.realpath("/usr/bin/python3")  # /usr/bin/python3.11 on Debian 12
SUITE = f"/usr/lib/{os.path.basename(PYTHON)}/test/test_socket.py"
# Where a virtual machine has a VSOCK device but nobody answers on it, these wait for ever, by themselves.
LEFT_OUT = ("-i", "*VSOCK*")


def verdicts(path):
    """{test: verdict}, from the suite's report"""
    return {case.get("name"): ",".join(sorted({part.tag for part in case} & {"failure", "error", "skipped"})) or "ok"
            for case in ElementTree.parse(path).iter("testcase")}


class Suite(faithful_case.FaithfulCase):
    def assert_same_verdicts(self, *modules, least, timeout_s=400):
        """least: fewer verdicts than this mean that the output was not understood."""
        def scenario(run):
            seen = {}
            for module in modules:
                made = run.run(PYTHON, "-m", "test", "--junit-xml", run.path("report"), "--timeout", "300", "-u", "network,-urlfetch,-largefile,-cpu",
                               *LEFT_OUT, module, timeout_s=timeout_s, environment={"TMPDIR": run.directory})
                seen |= verdicts(run.path("report"))
                seen[f"{module} status"] = made["status"]
            self.assertGreater(len(seen), least, "the suite's verdicts were not all there")
            return seen
        self.assert_faithful(scenario, trace=False)


class Threads(Suite):
    def test_threading(self):
        self.assert_same_verdicts("test_threading", "test_thread", "test_threading_local", "test_fork1", least=150)


class Http(Suite):
    def test_http_client_and_server(self):
        self.assert_same_verdicts("test_httplib", "test_httpservers", least=150)


class Socket(Suite):
    def test_socket(self):
        self.assert_same_verdicts("test_socket", "test_socketserver", "test_selectors", least=400)


class Tls(Suite):
    def test_ssl(self):
        self.assert_same_verdicts("test_ssl", least=120)


class Subprocess(Suite):
    def test_subprocess(self):
        self.assert_same_verdicts("test_subprocess", least=200)


class Signals(Suite):
    def test_signal(self):
        self.assert_same_verdicts("test_signal", "test_threadsignals", "test_posix", least=100)


class Asyncio(Suite):
    def test_asyncio(self):
        self.assert_same_verdicts("test_asyncio", least=1500, timeout_s=600)


if __name__ == "__main__":
    faithful_case.main(PYTHON, SUITE)
