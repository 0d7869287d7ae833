"""What the benchmarks of the preloaded library share: the three ways to run a program, rows, and the command line.
Called by: preload_call_bench, preload_program_bench; of rows and the command line also host_cost.
"""

import argparse
import json
import os
import shutil
import tempfile

WAYS = ("bare", "counted", "passive")


def settings_of(library, segments, **more):
    """The environment of each way; `segments` is NOTCH_DIR."""
    bare = {"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C", **more}
    counted = {**bare, "LD_PRELOAD": library, "NOTCH_DIR": segments}
    return {"bare": bare, "counted": counted, "passive": {**counted, "NOTCH_DISABLED": "1"}}


def row(name, cpu_ns, real_ns, **counters):
    return {"name": name, "run_type": "iteration", "threads": 1, "iterations": 1, "time_unit": "ns",
            "cpu_time": cpu_ns, "real_time": real_ns, **counters}


def clear(segments, is_counted):
    """Takes the dead segments away, as an agent would; there must be some where we counted."""
    names = os.listdir(segments)
    if bool(names) != is_counted:
        raise RuntimeError(f"{len(names)} segments where {'some are' if is_counted else 'none is'} expected")
    for name in names:
        os.unlink(os.path.join(segments, name))


def main(description, add_arguments, measure):
    """Writes the rows that measure(arguments, library, folder) gives to --out, or to standard output."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--programs", default=os.path.join(root, "build", "release", "bin"))
    parser.add_argument("--out", help="file for the JSON")
    add_arguments(parser)
    given = parser.parse_args()
    library = os.path.join(os.path.dirname(os.path.abspath(given.programs)), "lib", "libnotch_preload.so")
    folder = tempfile.mkdtemp(prefix="notch-bench-", dir=os.environ.get("NOTCH_SCRATCH", "/dev/shm"))
    try:
        rows = measure(given, library, folder)
    finally:
        shutil.rmtree(folder)
    text = json.dumps({"context": {"load_avg": list(os.getloadavg())},
                       "benchmarks": sorted(rows, key=lambda one: one["name"])}, indent=2)
    if given.out:
        with open(given.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)
