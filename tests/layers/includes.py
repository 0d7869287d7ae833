"""Who may include whom. Called by: layers_check.

Invariants
  IN1  A folder that is not named here may include nothing of the project.
  IN2  Public headers see the standard library and each other; whoever installs them has no more.
  IN3  A folder of agent/ includes itself and what AGENT_FOLDERS names; that names only rows above its own,
       so that no two folders lean on each other. What stands in agent/ itself wires them, and may include all.
"""

import re

FOLDERS = ("shm", "client", "agent", "ebpf", "deploy", "bench", "tests")

_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')

# The folders of agent/, from the bottom up, and what each may include of the others. `ebpf` is the project's.
AGENT_FOLDERS = {
    "files": "",
    "family": "",
    "services": "files family",
    "segments": "files",
    "processes": "files services",
    "ledger": "files family services segments",
    "tally": "files family services ledger",
    "collect": "files family services segments processes ledger tally",
    "kernel": "family services processes ebpf",
    "host": "files family processes",
    "http": "files",
    "expose": "files family http",
    "tool": "files",
}

# Headers of the C++ standard library have no dot and no slash; these are libc's and the kernel's.
_LIBC = frozenset("""
    alloca assert byteswap cpuid ctype dirent dlfcn elf endian errno error execinfo fcntl features
    fenv float fnmatch getopt glob grp iconv ifaddrs immintrin inttypes langinfo libgen limits link
    locale malloc math mntent netdb nl_types poll pthread pty pwd regex resolv sched search semaphore
    setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn
    string strings sysexits syslog termios threads time uchar ucontext ulimit unistd unwind utime
    utmp wchar wctype wordexp x86intrin emmintrin cpio ftw aio mqueue""".split())
_LIBC_FOLDERS = ("sys/", "linux/", "asm/", "asm-generic/", "bits/", "net/", "netinet/", "arpa/",
                 "gnu/", "rpc/", "netpacket/")


# The writer's side of shm: what makes a segment and writes to it. The rest of shm is the reader's, or both sides'.
WRITER = ("shm/keep_errno.h", "shm/reservation.h", "shm/segment_file.h")


def is_system(header):
    """Whether a header is the standard library's, libc's or the kernel's."""
    if "/" in header:
        return header.startswith(_LIBC_FOLDERS) or header in ("experimental/source_location",)
    return "." not in header or (header.endswith(".h") and header[:-2] in _LIBC)


def _of_the_api(header):
    return header == "notch.h" or header.startswith("notch/")


def _shm(header):
    return is_system(header) or header.startswith(("shm/", "boost/interprocess/"))


def _public_header(header):
    return is_system(header) and not header.startswith(_LIBC_FOLDERS) or _of_the_api(header)


def _client(header):
    if header.startswith("client/preload/"):
        return False
    return is_system(header) or _of_the_api(header) or header.startswith(("shm/", "client/"))


def _preload(header):
    return _client(header) or header.startswith("client/preload/") and not header.startswith("client/preload/tls/")


def _preload_http(header):
    return is_system(header) or header.startswith("client/preload/http/") or header in (
        "client/text_hash.h", "shm/memory_order.h")


def _preload_tls(header):
    return _preload(header) or header.startswith("client/preload/tls/")


def _example(header):
    return not _is_ours(header) or _of_the_api(header) or header.startswith("client/examples/")


def _agent(header):
    if header.startswith("shm/"):
        return header not in WRITER
    if header.startswith("ebpf/"):
        return not header.endswith((".skel.h", ".bpf.h")) and "vmlinux" not in header
    return header.startswith("agent/") or not _is_ours(header)


def _agent_folder(folder):
    """The rule of one folder of agent/."""
    may = AGENT_FOLDERS[folder].split()
    begins = tuple(f"agent/{name}/" for name in (folder, *may) if name != "ebpf")

    def allows(header):
        if header.startswith("agent/"):
            return header.startswith(begins)
        return _agent(header) and ("ebpf" in may or not header.startswith("ebpf/"))

    return f"agent/{folder}/", "", allows, f"agent/{folder} knows shm's reader, {', '.join(may) or 'nothing else'}"


def _ebpf_kernel(header):
    return header == "vmlinux.h" or header.startswith(("ebpf/", "bpf/"))


def _ebpf(header):
    return is_system(header) or header.startswith(("ebpf/", "bpf/")) or header.endswith(".skel.h")


def _anything(_header):
    return True


def _nothing(_header):
    return False


def _is_ours(header):
    return _of_the_api(header) or header.split("/")[0] in FOLDERS


# The first line whose beginning and end fit a path gives its rule: what it may see, in words.
RULES = (
    ("shm/", "", _shm, "shm knows the standard library, libc and Boost.Interprocess"),
    ("client/include/", "", _public_header, "a public header knows the standard library and the API"),
    ("client/examples/", "", _example, "an example knows the public API, not what is behind it"),
    ("client/preload/http/", "", _preload_http, "HTTP as values knows itself, a hash and the memory orders"),
    ("client/preload/tls/", "", _preload_tls, "client knows shm, the standard library and libc"),
    ("client/preload/", "", _preload, "what is in both preloaded libraries knows nothing that only the second has"),
    ("client/", "", _client, "client knows shm, the standard library and libc, and nothing of preload"),
    *map(_agent_folder, AGENT_FOLDERS),
    ("agent/", "", _agent, "agent knows shm's reader and ebpf's loaders, never client"),
    ("ebpf/", ".bpf.c", _ebpf_kernel, "a kernel program knows vmlinux.h, libbpf and ebpf"),
    ("ebpf/", "", _ebpf, "ebpf knows libbpf, the standard library and libc"),
    ("bench/", "", _anything, ""),
    ("tests/", "", _anything, ""),
    ("", "", _nothing, "no sources outside the project's folders"),
)


_AGENT_FOLDER = re.compile("agent/([^/]+)/")


def rule_of(path):
    folder = _AGENT_FOLDER.match(path)
    if folder and folder[1] not in AGENT_FOLDERS:
        return _nothing, f"agent/{folder[1]} has no row in AGENT_FOLDERS"
    for begin, end, allows, words in RULES:
        if path.startswith(begin) and path.endswith(end):
            return allows, words
    raise AssertionError("the last rule fits every path")


def violations(file):
    """Yields (line number, what is wrong) for each include this file may not have."""
    if not file.is_code:
        return
    allows, words = rule_of(file.path)
    for number, line in enumerate(file.lines, 1):
        match = _INCLUDE.match(line)
        if not match:
            continue
        header = match.group(1) or match.group(2)
        if header.startswith(("bench/", "tests/")) and file.folder not in ("bench", "tests"):
            yield number, f"includes {header}: nothing knows bench or tests"
        elif not allows(header):
            yield number, f"includes {header}: {words}"
        elif ".." in header.split("/"):
            yield number, f"includes {header}: includes are written from the repository's root"
