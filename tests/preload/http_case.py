"""A test of servers and clients under the library, and of the series that count their requests.
Called by: http_test, tls_test.
"""
import signal
import subprocess
import time

import live_agent
import preload_test_case

DURATION = "http_server_request_duration_seconds"
CLIENT_DURATION = "http_client_request_duration_seconds"


class HttpTestCase(preload_test_case.PreloadTestCase):
    def start_server(self, command, port, changes=None):
        """In the background until the test ends, under the library; waits until it listens."""
        server = subprocess.Popen(command, env=self.environment(**(changes or {})), cwd=self.folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        live_agent.until(20, "the server listens", lambda: self.listens(port))
        return server

    def listens(self, port):
        # By /proc: a connection would be counted. Java listens on IPv6's form of the address.
        found = set()
        for name in ("tcp", "tcp6"):
            with open(f"/proc/net/{name}", encoding="ascii") as table:
                found.update(line.split()[1] for line in list(table)[1:] if line.split()[3] == "0A")
        return not found.isdisjoint((f"0100007F:{port:04X}", f"{'0' * 16}FFFF00000100007F:{port:04X}"))

    def end_server(self, server):
        """Once it has counted what it has answered: a client has its answer before the server's call returns. Where a
        request is to stay under way, that is waited for in vain."""
        end = time.monotonic() + 2
        while sum(self.agent.samples("http_server_active_requests").values()) and time.monotonic() < end:
            time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        server.wait(20)

    def page(self):
        """The page once every process is dead and counted."""
        live_agent.until(30, "all segments folded", self.agent.all_folded)
        return self.agent.samples("")

    def requests(self, samples, name=DURATION):
        """(method, route or address, status, error) to how many."""
        found = {}
        for (family, text), value in samples.items():
            labels = dict(preload_test_case.LABEL.findall(text))
            if family != name + "_count" or value == 0:
                continue
            place = labels.get("http_route", labels.get("server_address", ""))
            key = (labels.get("http_request_method"), place, labels.get("http_response_status_code", ""),
                   labels.get("error_type", ""))
            found[key] = found.get(key, 0) + value
        return found
