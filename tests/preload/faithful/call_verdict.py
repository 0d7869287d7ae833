"""Whether two sets of runs made the same system calls, when the program itself may not make the same ones twice.
Called by: faithful_case, syscall_trace_test.

The rule, for every name: the counts of the runs with the library and of the runs without must meet. Without a
spread of its own a program gets none: a count that was the same in every run without the library must be reached
exactly. A count that varied may lie as far outside the range seen as that range is wide.
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
