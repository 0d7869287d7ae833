"""A program that does what a user can do to the agent's port. Its code runs by `python3 -c`, because the user may be
unable to read this folder.

usage: hostile_clients.py ACT PORT COUNT

It prints "made" once COUNT clients have begun, and ends when its standard input ends. Called by: hostile_clients_prometheus_test.
"""
import base64
import resource
import socket
import sys
import threading
import time

SEVERAL_NAMES = "shop_orders_total%0Ashop_jobs_total%0Ashop_wait_seconds%0Ashop_visits_total"
ended = threading.Event()


def connected(port, receive_bytes=0):
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    return client


def request(path, lines=""):
    return f"GET {path} HTTP/1.1\r\nHost: agent\r\n{lines}\r\n".encode()


def again_and_again(act, port, number):
    """Also after the agent has closed, which is nothing that would end an attack."""
    while not ended.is_set():
        try:
            act(port, number)
        except OSError:
            time.sleep(0.05)
        ended.wait(PAUSES_S.get(act, 0))


def slow_reader(port, number):
    """Takes a byte a second of a large page that is nobody else's."""
    with connected(port, 4096) as client:
        client.sendall(request(f"/metrics?name[]=long_total&name[]=other_{number}"))
        while client.recv(1) and not ended.wait(1):
            pass


def hoarder(port, _):
    """A request that never ends."""
    with connected(port) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: agent\r\nX-Slow: a")
        client.settimeout(1)
        while not ended.is_set():
            try:
                if not client.recv(1):
                    break
            except TimeoutError:
                pass


def wrong_password(port, number):
    word = base64.b64encode(f"scraper:wrong{number}-{time.monotonic_ns()}".encode()).decode()
    with connected(port) as client:
        client.sendall(request("/metrics", f"Authorization: Basic {word}\r\nConnection: close\r\n"))
        while client.recv(1 << 16):
            pass


def key_of_anothers_page(port, number):
    """The name of one family, with line feeds in it, where a scraper names several."""
    protocol = ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")[number % 2]
    with connected(port) as client:
        client.sendall(request(f"/metrics?name[]={SEVERAL_NAMES}", f"Accept: {protocol}\r\nConnection: close\r\n"))
        while client.recv(1 << 16):
            pass


# A reader gives way once it has had a second, so that many who come at once keep others out for that long.
PAUSES_S = {slow_reader: 1}


def main():
    act, port, count = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    threading.stack_size(256 << 10)
    for number in range(count):
        threading.Thread(target=again_and_again, args=(act, port, number), daemon=True).start()
        time.sleep(PAUSES_S.get(act, 0) / 8)
    print("made", flush=True)
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main()
