#!/usr/bin/python3
"""The dns module counts lookups of known names, and lookups at a DNS server of the test's own.
Called by: ctest, as dns_test.py NOTCHD LIBRARY LOOKUP_PROGRAM.
"""
import os
import subprocess
import sys
import textwrap
import unittest

import preload_test_case

LOOKUP_PROGRAM = sys.argv.pop(1)
DURATION = "dns_lookup_duration_seconds"

# Runs in namespaces of its own, where /etc says that the names come from port 53 of the loopback. The server answers
# "there" with an address, "broken" with a failure, and all else with "no such name". It says how often it was asked.
SERVER = textwrap.dedent(r"""
    import fcntl, os, socket, struct, subprocess, sys, threading
    folder, command = sys.argv[1], sys.argv[2:]
    with socket.socket() as any_socket:  # SIOCSIFFLAGS: up and running
        fcntl.ioctl(any_socket, 0x8914, struct.pack('16sH', b'lo', 0x41))
    for name, text in (('resolv.conf', 'nameserver 127.0.0.1\noptions attempts:1 timeout:2\n'),
                       ('nsswitch.conf', 'hosts: files dns\n'), ('hosts', '127.0.0.1 localhost listed\n')):
        path = os.path.join(folder, name)
        open(path, 'w').write(text)
        subprocess.run(['mount', '--bind', path, '/etc/' + name], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('127.0.0.1', 53))
    asked = set()
    def answer():
        while True:
            query, peer = server.recvfrom(512)
            name = query[13:13 + query[12]]
            asked.add(name)
            code = {b'there': 0, b'broken': 2}.get(name, 3)
            is_address = query[-4:-2] == b'\0\1'
            found = code == 0 and is_address
            record = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\1\2\3' if found else b''
            server.sendto(query[:2] + bytes([0x81, 0x80 | code]) + b'\0\1' + bytes([0, int(found)]) + b'\0\0\0\0'
                          + query[12:query.index(b'\0', 12) + 5] + record, peer)
    threading.Thread(target=answer, daemon=True).start()
    run = subprocess.run(command, env={**os.environ, 'LD_PRELOAD': os.environ['TRIED']}, capture_output=True)
    sys.stdout.write(run.stdout.decode())
    sys.stderr.write(run.stderr.decode())
    sys.stderr.write(' '.join(sorted(name.decode() for name in asked)) + '\n')
    os._exit(run.returncode)
""")


class Dns(preload_test_case.PreloadTestCase):
    def lookups(self, samples):
        found = {}
        for (name, text), value in samples.items():
            if name == DURATION + "_count" and value:
                found[dict(preload_test_case.LABEL.findall(text)).get("error_type", "")] = value
        return found

    def test_names_of_this_host_and_what_is_no_lookup(self):
        script = ("import socket\n"
                  "assert socket.getaddrinfo('localhost', 80)\n"
                  "assert socket.getaddrinfo('127.0.0.1', 80)\n"
                  "assert socket.getaddrinfo('::1', 80)\n"
                  "assert socket.getaddrinfo(None, 80)\n"
                  "socket.getnameinfo(('127.0.0.1', 80), socket.NI_NUMERICHOST)\n"
                  "try:\n    socket.getaddrinfo('localhost', 'no-such-service')\n"
                  "except socket.gaierror as error:\n    assert error.errno == socket.EAI_SERVICE\n")
        run = self.run_program(["/usr/bin/python3", "-S", "-c", script])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        self.assertEqual(self.lookups(self.agent.samples("dns_") if self.folded() else {}),
                         {"": 1, "EAI_SERVICE": 1})

    def test_each_function_against_a_server(self):
        if os.geteuid() != 0:
            self.skipTest("needs root for namespaces with their own /etc/resolv.conf")
        probe = subprocess.run(["unshare", "-mn", "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("no namespaces to be had: " + probe.stderr.decode().strip())

        def run(library):
            environment = self.environment(LD_PRELOAD="", TRIED=library)
            return subprocess.run(["unshare", "-mn", "/usr/bin/python3", "-c", SERVER, self.folder, LOOKUP_PROGRAM],
                                  env=environment, capture_output=True, timeout=60, check=False)

        bare, watched = run(""), run(preload_test_case.LIBRARY)
        self.assertEqual((bare.returncode, bare.stderr), (0, b"1 broken missing there\n"))
        self.assertEqual((watched.returncode, watched.stdout, watched.stderr), (0, bare.stdout, bare.stderr))
        self.folded()
        # By getaddrinfo and the four kinds of gethostbyname each; two names by address.
        self.assertEqual(self.lookups(self.agent.samples("dns_")), {
            "": 2 * 5 + 1, "EAI_NONAME": 5 + 1, "EAI_AGAIN": 5})


if __name__ == "__main__":
    unittest.main(verbosity=2)
