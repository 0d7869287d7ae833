"""Decides whether two sets of runs made the same system calls, for programs that may make different ones in each run.
Called by: faithful_case, syscall_trace_test.

The rule for the name of each system call: if its count was the same in every run without the library, a run with the
library must have exactly that count. If the count varied, the count with the library may be outside the range of the runs
without it, by at most the width of that range.
"""
import syscall_trace


def disagreements(bare, preloaded, allowed=None):
    """bare and preloaded: one Counter per run. allowed: {name: (calls more, why)}. Gives (name, text) per disagreement."""
    allowed = allowed or {}
    found = []
    for name in sorted(set().union(*bare, *preloaded) - {syscall_trace.MAPS_READ}):
        without = [run[name] for run in bare]
        with_it = [run[name] for run in preloaded]
        width = max(without) - min(without)
        more, _ = allowed.get(name, (0, ""))
        if min(with_it) > max(without) + width + more or max(with_it) < min(without) - width:
            found.append((name, f"{name}: {_range(without)} without, {_range(with_it)} with the library"))
    return found


def summary(bare, preloaded, allowed=None):
    """One line on what was compared."""
    names = set().union(*bare, *preloaded)
    steady = [name for name in names if len({run[name] for run in bare}) == 1]
    same = [name for name in steady if all(run[name] == bare[0][name] for run in preloaded)]
    total = [sum(run.values()) for run in bare], [sum(run.values()) for run in preloaded]
    text = (f"system calls after start-up: {_range(total[0])} without ({len(bare)} runs), {_range(total[1])} with "
            f"({len(preloaded)}); of {len(names)} names {len(same)} equal in every run, "
            f"{len(names) - len(same)} vary by themselves")
    if allowed:
        text += "; allowed more: " + ", ".join(f"{more} {name}" for name, (more, _) in sorted(allowed.items()))
    return text


def _range(counts):
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}..{high}"
