"""A program that puts files into the directory of segments as a user can. Its code runs by `python3 -c`, because the user
may be unable to read this folder.

usage: hostile_files.py ACT [ARGUMENT]...

It prints "made" once the act is done or in progress, and ends when its standard input ends. It makes segments from
shm/FORMAT.md alone.
Called by: hostile_files_prometheus_test, hostile_clients_prometheus_test.
"""
import ctypes
import fcntl
import os
import random
import resource
import select
import socket
import struct
import sys
import time

HEADER_BYTES, PAGE_BYTES, FIRST_CELL = 4096, 4096, 8
UID_OFFSET, MAJOR_OFFSET = 132, 8
LONGEST_LABEL, MOST_LABELS = 1024, 16
libc = ctypes.CDLL(None, use_errno=True)


def padded(content):
    return content + bytes(-len(content) % 8)


class Segment:
    """A segment of counters that each say 1 in column 0."""

    def __init__(self, service, columns=1):
        self.service, self.columns = service, columns
        self.catalogue = bytearray(struct.pack("=IHH", 8, 0, 0))
        self.families = self.series = 0
        self.next_cell = FIRST_CELL

    def _record(self, kind, content):
        at = len(self.catalogue)
        content = padded(content)
        self.catalogue += struct.pack("=IHH", 8 + len(content), kind, 0) + content
        return at

    def string(self, text):
        return self._record(1, struct.pack("=II", len(text), 0) + text)

    def family(self, name, labels=()):
        """Of a counter; gives its id."""
        texts = [self.string(text) for text in (name, *labels)]
        self._record(3, struct.pack("=IBBBb6Id", self.families, 1, 1, 0, 0, texts[0], 0, 0, 0, len(labels), 0, 0) +
                     struct.pack(f"={len(labels)}I", *texts[1:]))
        self.families += 1
        return self.families - 1

    def add_series(self, family, values=(), cell=None):
        """`values` are offsets of strings."""
        cell = self.next_cell if cell is None else cell
        self._record(4, struct.pack("=6I", self.series, family, cell, 1, 0, len(values)) +
                     struct.pack(f"={len(values)}I", *values))
        self.series += 1
        self.next_cell = cell + 1

    def content(self):
        values = -(-(HEADER_BYTES + len(self.catalogue)) // PAGE_BYTES) * PAGE_BYTES
        stride = -(-self.next_cell * 8 // PAGE_BYTES) * PAGE_BYTES
        header = bytearray(HEADER_BYTES)
        header[:8] = b"NOTCHSEG"
        struct.pack_into("=HHIIIQQQQQQIIQQ", header, 8, 1, 1, 0x01020304, HEADER_BYTES, 1, values + self.columns * stride,
                         HEADER_BYTES, len(self.catalogue), len(self.catalogue), values, stride, self.columns, 2, stride // 8,
                         stride // 8)
        struct.pack_into("=QIIQ", header, 96, HEADER_BYTES, 0, 64, 0)
        struct.pack_into("=II", header, 128, os.getpid(), os.geteuid())
        header[160:176] = random.randbytes(16)
        struct.pack_into("=Q", header, 464, (1 << self.columns) - 1)
        header[592:592 + len(self.service)] = self.service
        gap = bytes(values - HEADER_BYTES - len(self.catalogue))
        column = bytes(8 * FIRST_CELL) + struct.pack("=Q", 1) * (stride // 8 - FIRST_CELL)
        return bytes(header) + self.catalogue + gap + column + bytes((self.columns - 1) * stride)


def place(name, content, size=0):
    """As a living process's; gives the descriptor that holds the lock."""
    hidden = f".{name}.new"
    with open(hidden, "wb") as file:
        file.write(content)
        file.truncate(max(size, len(content)))
        held = os.open(hidden, os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_SH)
    os.rename(hidden, name)
    return held


def unique(kind):
    return f"{kind}-{random.randbytes(8).hex()}.notch"


def rows(service, family, count, first=0):
    """A segment of so many rows."""
    segment = Segment(service)
    number = segment.family(family, (b"row",))
    for row in range(first, first + count):
        segment.add_series(number, (segment.string(b"%d" % row),))
    return segment.content()


def may_go_on():
    """Until the input ends."""
    return not select.select([sys.stdin], [], [], 0)[0]


def made():
    print("made", flush=True)


def stay():
    made()
    sys.stdin.read()


def hash_bytes(text):
    """As std::hash of a string, by the library that C++ programs here have."""
    function = ctypes.CDLL("libstdc++.so.6")["_ZSt11_Hash_bytesPKvmm"]
    function.restype, function.argtypes = ctypes.c_size_t, (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
    return function(text, len(text), 0xC70F6907)


def names_of_one_hash(count):
    """Of 22 bytes: the second eight undo what the first eight do to the hash (MurmurHash64A, a fixed seed)."""
    mask, factor = 2**64 - 1, 0xC6A4A7935BD1E995
    inverse = pow(factor, -1, 2**64)

    def mix(word):
        word = word * factor & mask
        return (word ^ word >> 47) * factor & mask

    def unmix(word):
        word = word * inverse & mask
        return (word ^ word >> 47) * inverse & mask

    start = 0xC70F6907 ^ (22 * factor & mask)
    tries = 0
    while count > 0:
        first = b"%08x" % tries
        after = (start ^ mix(int.from_bytes(first, "little"))) * factor & mask
        second = unmix(after ^ 0x1234567890ABCDEF).to_bytes(8, "little")
        tries += 1
        if b"/" not in second and b"\0" not in second:
            count -= 1
            yield first + second + b".notch"


def empty_files_of_one_hash(count):
    names = list(names_of_one_hash(int(count)))
    if len({hash_bytes(name) for name in names[:1000]}) != 1:
        sys.exit("these names do not have one hash here")
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o640))
    stay()


def files_that_are_no_segments(count):
    """Of each kind so many."""
    content = rows(b"nobody", b"nobody_total", 1)
    wrong_owner, newer = bytearray(content), bytearray(content)
    struct.pack_into("=I", wrong_owner, UID_OFFSET, 0)
    struct.pack_into("=H", newer, MAJOR_OFFSET, 2)
    held = []
    for _ in range(int(count)):
        held += [place(unique("owner"), wrong_owner), place(unique("newer"), newer),
                 place(unique("garbage"), random.randbytes(8192))]
        os.mkfifo(unique("pipe"))
        os.mkdir(unique("folder"))
        os.symlink("/etc/passwd", unique("link"))
        first = unique("first")
        held.append(place(first, content))
        os.link(first, unique("second"))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(unique("socket"))
    stay()


def names_of_the_agents_files():
    for end in (".new", ".other-boot", ".replaced", ".broken", *(f".broken-{number}" for number in range(2, 10))):
        os.makedirs(f"agent.ledger{end}/not-empty", exist_ok=True)
    stay()


def come_and_go():
    """Says how many in the end."""
    made()
    files = 0
    while may_go_on():
        for number in range(500):
            name = f"{os.getpid()}-{number}.notch"
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o640))
            os.unlink(name)
        files += 500
    print(files)


def cut_off(count):
    """Segments, one after another, each a hundredth of a second after the last."""
    content = rows(b"cut", b"cut_total", 20)
    held = [place(unique("cut"), content) for _ in range(int(count))]
    made()
    time.sleep(1)  # they are being read by then
    for descriptor in held:
        os.ftruncate(descriptor, HEADER_BYTES)
        time.sleep(0.01)
        if not may_go_on():
            break
    sys.stdin.read()


def holes(columns):
    """One segment of two megabytes a column, a row in each page, whose memory is given back again and again."""
    segment = Segment(b"holes", int(columns))
    family = segment.family(b"holes_total", (b"row",))
    for page in range(512):
        segment.add_series(family, (segment.string(b"%d" % page),), FIRST_CELL + page * PAGE_BYTES // 8)
    content = segment.content()
    held = place(unique("holes"), content)
    made()
    time.sleep(0.5)  # it is being read by then
    begin = len(content) // PAGE_BYTES * PAGE_BYTES - int(columns) * 512 * PAGE_BYTES
    keep_size_and_punch = 3
    while may_go_on():
        if libc.fallocate(held, keep_size_and_punch, ctypes.c_long(begin), ctypes.c_long(len(content) - begin)) != 0:
            sys.exit(os.strerror(ctypes.get_errno()))
        time.sleep(0.02)


def sparse(count):
    """Files as large as one may be, each with a header that claims all of it."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    size = 1 << 34
    head = bytearray(rows(b"sparse", b"sparse_total", 1))
    struct.pack_into("=Q", head, 24, size)
    held = [place(unique("sparse"), head, size) for _ in range(int(count))]
    stay()
    for descriptor in held:
        os.close(descriptor)


def long_labels(count):
    """Rows of sixteen labels of the longest text, which share 64 texts by offset: 16 KiB a row on a page."""
    segment = Segment(b"long")
    family = segment.family(b"long_total", [b"label_%d" % number for number in range(MOST_LABELS)])
    texts = [segment.string(b"%02d" % number + b"x" * (LONGEST_LABEL - 2)) for number in range(64)]
    for row in range(int(count)):
        segment.add_series(family, (texts[row % 64], texts[row // 64 % 64], *[texts[0]] * (MOST_LABELS - 2)))
    held = place(unique("long"), segment.content())
    stay()
    os.close(held)


def families(segments, count):
    """So many names in each of so many segments."""
    held = []
    for part in range(int(segments)):
        segment = Segment(b"families")
        for number in range(int(count)):
            segment.add_series(segment.family(b"family_%d_%d_total" % (part, number)))
        held.append(place(unique("families"), segment.content()))
    stay()


def chosen_rows(bits):
    """Label texts between which some hashes of eight bytes at a time cannot tell: 2^bits rows."""
    segment = Segment(b"chosen")
    family = segment.family(b"chosen_total", (b"row",))
    blocks = [b"a" * 7 + sign + b"aaa" + sign + b"aaa" + sign for sign in (b"1", b"q")]
    for row in range(1 << int(bits)):
        segment.add_series(family, (segment.string(b"".join(blocks[row >> bit & 1] for bit in range(int(bits)))),))
    held = place(unique("chosen"), segment.content())
    stay()
    os.close(held)


def dead_rows(count):
    """Each time with labels of their own."""
    held = place(unique("rows"), rows(b"rows", b"many_rows_total", int(count), random.randrange(10**9)))
    stay()
    os.close(held)


def room_that_comes_and_goes(count):
    """Two segments of so many rows, of which one alone has room: the first goes and comes, again and again."""
    held = [place(unique("stays"), rows(b"toggled", b"toggled_total", int(count)))]
    made()
    content = rows(b"toggled", b"toggled_total", int(count), int(count))
    while may_go_on():
        descriptor = place(unique("goes"), content)
        select.select([sys.stdin], [], [], 0.5)
        os.close(descriptor)
        select.select([sys.stdin], [], [], 0.2)
    os.close(held[0])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
