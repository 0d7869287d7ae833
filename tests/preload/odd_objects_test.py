#!/usr/bin/python3
"""Objects with zeroed or odd symbol tables, as packers and injectors leave them: a program that runs with one also runs with
it under the library.
Called by: ctest, as odd_objects_test.py NOTCHD LIBRARY COMPILER.
"""
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import preload_test_case
from preload_test_case import LIBRARY

COMPILER = sys.argv.pop(1)
SOURCE = "int odd_one(int x) { return x; } int odd_two(int x) { return -x; }"
DT_NULL, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_VERSYM, DT_GNU_HASH = 0, 4, 5, 6, 0x6FFFFFF0, 0x6FFFFEF5
UNKNOWN = 0x6000000F  # a tag of nobody's
ABSURD = 0xFFFFFFF0
PT_LOAD, PT_DYNAMIC = 1, 2


class Elf:
    """A 64-bit little-endian object, to be changed in place."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = bytearray(file.read())
        table, = struct.unpack_from("<Q", self.bytes, 32)
        size, count = struct.unpack_from("<HH", self.bytes, 54)
        headers = [struct.unpack_from("<IIQQQQQQ", self.bytes, table + i * size) for i in range(count)]
        self.loads = [h for h in headers if h[0] == PT_LOAD]
        dynamic = next(h for h in headers if h[0] == PT_DYNAMIC)
        self.entries = {}
        for at in range(dynamic[2], dynamic[2] + dynamic[5], 16):
            tag, value = struct.unpack_from("<qQ", self.bytes, at)
            if tag == DT_NULL:
                break
            self.entries[tag] = (at, value)

    def offset(self, tag):
        """Where in the file the table of this entry is."""
        address = self.entries[tag][1]
        load = next(h for h in self.loads if h[3] <= address < h[3] + h[5])
        return address - load[3] + load[2]

    def set_word(self, tag, index, value):
        struct.pack_into("<I", self.bytes, self.offset(tag) + 4 * index, value & 0xFFFFFFFF)

    def set_entry(self, tag, new_tag=None, value=None):
        at, old = self.entries[tag]
        struct.pack_into("<qQ", self.bytes, at, tag if new_tag is None else new_tag, old if value is None else value)

    def zero(self, tag, size):
        self.bytes[self.offset(tag):self.offset(tag) + size] = bytes(size)

    def endless(self):
        """No chain of the hash has an end, and each bucket and bloom word says yes."""
        start = self.offset(DT_GNU_HASH)
        buckets, _, bloom, _ = struct.unpack_from("<IIII", self.bytes, start)
        self.bytes[start + 16:start + 16 + 8 * bloom] = b"\xff" * 8 * bloom
        chains = start + 16 + 8 * bloom + 4 * buckets
        for at in range(chains, chains + 8, 4):
            struct.pack_into("<I", self.bytes, at, struct.unpack_from("<I", self.bytes, at)[0] & ~1)


WAYS = {
    "as it was": lambda elf: None,
    "a hash of zeros": lambda elf: elf.zero(DT_GNU_HASH, 28),
    "no buckets": lambda elf: elf.set_word(DT_GNU_HASH, 0, 0),
    "no buckets, and the first hashed symbol far off": lambda elf: (
        elf.set_word(DT_GNU_HASH, 0, 0), elf.set_word(DT_GNU_HASH, 1, ABSURD)),
    "no filter and no buckets": lambda elf: (elf.set_word(DT_GNU_HASH, 0, 0), elf.set_word(DT_GNU_HASH, 2, 0)),
    "a shift of more than there is": lambda elf: elf.set_word(DT_GNU_HASH, 3, 77),
    "chains without an end": lambda elf: elf.endless(),
    "no hash at all": lambda elf: elf.set_entry(DT_GNU_HASH, new_tag=UNKNOWN),
    "no versions": lambda elf: DT_VERSYM not in elf.entries or elf.set_entry(DT_VERSYM, new_tag=UNKNOWN),
    "no buckets, and symbols far off": lambda elf: (
        elf.set_word(DT_GNU_HASH, 0, 0), elf.set_entry(DT_SYMTAB, value=1 << 40)),
    "no buckets, and names far off": lambda elf: (
        elf.set_word(DT_GNU_HASH, 0, 0), elf.set_entry(DT_STRTAB, value=1 << 40)),
}
OLD_WAYS = {
    "the older table alone": lambda elf: None,
    "the older table without buckets": lambda elf: elf.set_word(DT_HASH, 0, 0),
    "the older table with symbols without number": lambda elf: (
        elf.set_word(DT_HASH, 0, 0), elf.set_word(DT_HASH, 1, ABSURD)),
}


class OddObjects(preload_test_case.PreloadTestCase):
    def setUp(self):
        super().setUp()
        # Where this build's programs may run, a library may be mapped: a tmpfs can forbid it.
        folder = tempfile.TemporaryDirectory(prefix="odd-objects-", dir=os.path.dirname(LIBRARY))
        self.addCleanup(folder.cleanup)
        self.objects = folder.name

    def compiled(self, name, *flags, source=SOURCE):
        path = os.path.join(self.objects, name)
        subprocess.run([COMPILER, "-x", "c", "-", "-o", path, *flags], input=source, text=True, check=True, timeout=60)
        return path

    def spoilt(self, style, change):
        path = self.compiled("libodd.so", "-shared", "-fPIC", "-nostdlib", f"-Wl,--hash-style={style}")
        elf = Elf(path)
        change(elf)
        with open(path, "wb") as file:
            file.write(elf.bytes)
        return path

    def try_all(self, style, ways):
        self.compiled("libodd.so", "-shared", "-fPIC", "-nostdlib")
        program = self.compiled("program", "-no-pie", f"-L{self.objects}", f"-Wl,-rpath,{self.objects}",
                                "-Wl,--no-as-needed", "-lodd",
                                source='#include <stdio.h>\nint main(void) { puts("lives"); return 3; }')
        for done, (way, change) in enumerate(ways.items(), 1):
            with self.subTest(way):
                path = self.spoilt(style, change)
                for preload in ("", path):
                    bare = self.run_program([program], {"LD_PRELOAD": preload})
                    self.assertEqual((bare.returncode, bare.stdout), (3, b"lives\n"), f"bare: {bare.stderr}")
                    run = self.run_program([program], {"LD_PRELOAD": f"{LIBRARY} {preload}"})
                    self.assertEqual((run.returncode, run.stdout, run.stderr), (3, b"lives\n", b""))
                samples = self.folded()
                self.assertGreaterEqual(self.count(samples, "libc_malloc_size_bytes_count"), done)

    def test_the_hash_and_what_is_beside_it(self):
        self.try_all("gnu", WAYS)

    def test_the_older_hash(self):
        self.try_all("sysv", OLD_WAYS)

    def test_an_odd_object_before_libc_hides_no_function(self):
        """It is looked at first, and has to be passed over."""
        path = self.spoilt("gnu", WAYS["a hash of zeros"])
        run = self.run_program(["dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=50"], {"LD_PRELOAD": f"{LIBRARY} {path}"})
        self.assertEqual(run.returncode, 0)
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="file"), 500)


if __name__ == "__main__":
    unittest.main(verbosity=2)
