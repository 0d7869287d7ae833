"""Two network namespaces joined by a cable. The receiver can lose its address for a while, and then drops what comes.
Called by: truth_test.
"""
import os
import subprocess
import time

SENDER, RECEIVER = (f"notch-{side}-{os.getpid()}" for side in "ab")
HERE, THERE = (f"nt{os.getpid()}{side}" for side in "ab")

# Connects, sends a little, tells that it has, and after a line sends more.
SEND = """
import socket, sys
s = socket.create_connection(("10.213.0.2", int(sys.argv[1])))
s.send(b"x"); print("connected", flush=True); sys.stdin.readline()
s.send(b"y" * 1000); print("sent", flush=True); sys.stdin.readline()
"""
RECEIVE = """
from socket import create_server
l = create_server(("10.213.0.2", 0)); print(l.getsockname()[1], flush=True)
c, _ = l.accept()
n = 0
while n < 1001: n += len(c.recv(4096))
print("received", flush=True)
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, timeout=20)


class NetworkPair:
    def __init__(self):
        ip("netns", "add", SENDER)
        ip("netns", "add", RECEIVER)
        ip("link", "add", HERE, "netns", SENDER, "type", "veth", "peer", "name", THERE, "netns", RECEIVER)
        for namespace, device, address in ((SENDER, HERE, "10.213.0.1"), (RECEIVER, THERE, "10.213.0.2")):
            ip("-n", namespace, "address", "add", address + "/24", "dev", device)
            ip("-n", namespace, "link", "set", device, "up")
            ip("-n", namespace, "link", "set", "lo", "up")

    def _python(self, namespace, text, *arguments):
        return subprocess.Popen(["ip", "netns", "exec", namespace, "/usr/bin/python3", "-c", text, *arguments],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def retransmits(self):
        """Of the sender's namespace, as the kernel counts them there."""
        text = subprocess.run(["ip", "netns", "exec", SENDER, "cat", "/proc/net/snmp"], check=True, timeout=20,
                              capture_output=True, text=True).stdout
        names, values = [line.split() for line in text.splitlines() if line.startswith("Tcp:")]
        return int(values[names.index("RetransSegs")])

    def send_while_deaf(self, seconds):
        """What is sent while the receiver has no address arrives by being sent again."""
        receiver = self._python(RECEIVER, RECEIVE)
        sender = self._python(SENDER, SEND, receiver.stdout.readline().strip())
        try:
            assert sender.stdout.readline() == "connected\n"
            ip("-n", RECEIVER, "address", "del", "10.213.0.2/24", "dev", THERE)
            sender.stdin.write("\n")
            sender.stdin.flush()
            assert sender.stdout.readline() == "sent\n"
            time.sleep(seconds)
            ip("-n", RECEIVER, "address", "add", "10.213.0.2/24", "dev", THERE)
            assert receiver.stdout.readline() == "received\n"
            sender.communicate("\n", timeout=20)
            receiver.communicate(timeout=20)
        finally:
            for process in (sender, receiver):
                process.kill()
                process.wait()

    def remove(self):
        for namespace in (SENDER, RECEIVER):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, timeout=20)
