"""A cgroup of the test's own, in whichever hierarchy this host has: one with a limit of memory, one that accounts
processor time. Called by: truth_test, and host_truth_test of tests/system.
"""
import os
import time

ROOT = "/sys/fs/cgroup"
NAME = f"notch-test-{os.getpid()}"


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


def _read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def _field(path, name):
    return int(dict(line.split() for line in _read(path).splitlines())[name])


class Group:
    def __init__(self, hierarchy, is_v2):
        self.folder, self.path, self.is_v2 = os.path.join(hierarchy, NAME), "/" + NAME, is_v2
        os.makedirs(self.folder, exist_ok=True)
        self.procs = os.path.join(self.folder, "cgroup.procs")
        self._root_procs = os.path.join(hierarchy, "cgroup.procs")

    def take(self, pid):
        _write(self.procs, pid)

    def oom_kills(self):
        return _field(os.path.join(self.folder, "memory.events" if self.is_v2 else "memory.oom_control"), "oom_kill")

    def cpu_ns(self):
        if self.is_v2:
            return _field(os.path.join(self.folder, "cpu.stat"), "usage_usec") * 1000
        return int(_read(os.path.join(ROOT, "cpuacct", NAME, "cpuacct.usage")))

    def remove(self):
        """Its processes go back to the root; a killed one may need a moment."""
        for _ in range(100):
            try:
                for pid in _read(self.procs).split():
                    _write(self._root_procs, pid)
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.05)


class CpuGroup(Group):
    """In cgroup v1 the processor's accounting may be a hierarchy beside the cpu controller's: in both then."""

    def __init__(self, hierarchy, is_v2):
        super().__init__(hierarchy, is_v2)
        other = os.path.join(ROOT, "cpuacct")
        same = is_v2 or os.path.realpath(other) == os.path.realpath(hierarchy)
        self._other = None if same else Group(other, False)

    def take(self, pid):
        super().take(pid)
        if self._other is not None:
            self._other.take(pid)

    def remove(self):
        super().remove()
        if self._other is not None:
            self._other.remove()


def _hierarchy(controller):
    """The folder of the controller's cgroups, and whether it is the v2 tree's."""
    v1 = os.path.join(ROOT, controller)
    if os.path.exists(os.path.join(v1, "cgroup.procs")):
        return v1, False
    return ROOT, True


def cpu_group():
    return CpuGroup(*_hierarchy("cpu"))


def memory_group(limit_bytes):
    """None where no cgroup may be limited."""
    hierarchy, is_v2 = _hierarchy("memory")
    try:
        if is_v2:
            _write(os.path.join(hierarchy, "cgroup.subtree_control"), "+memory")
        group = Group(hierarchy, is_v2)
        _write(os.path.join(group.folder, "memory.max" if is_v2 else "memory.limit_in_bytes"), limit_bytes)
        swap = os.path.join(group.folder, "memory.swap.max" if is_v2 else "memory.memsw.limit_in_bytes")
        if os.path.exists(swap):
            _write(swap, 0 if is_v2 else limit_bytes)
        return group
    except OSError:
        return None
