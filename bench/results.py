#!/usr/bin/python3
"""Turns the JSON of one run of the benchmarks into a table on standard output and RESULTS.md.

Called by: bench/run. Usage: results.py JSON_FOLDER RESULTS.md COMMAND. Every number comes from the
JSON; the machine is asked about itself here. Exit: 0 written, 1 a program's rows are missing.
"""

import glob
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass

import claims

TO_NS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
PLAIN = ("iterations", "real_time", "cpu_time", "threads", "repetitions", "repetition_index",
         "family_index", "per_family_instance_index")
EXCLUDED = """\
- HTTP and the socket, in the scrape rows: they are the same bytes to both sides.
- Taking the segments (mapping them, reading their catalogues), in the scrape rows: done once.
- Percentiles of a single add or observe: a clock costs more than what it would time, and the mean of
  a batch is no percentile of its calls. Rows of the client are therefore CPU time over a batch of
  calls, the median over repetitions. Attaching is timed call by call, and shows p99 and maximum.
- Histograms of PCP: its library has none. Labels of PCP: its instances are fixed at start.
- Pinning of one thread. Repetitions of all rows are interleaved at random instead, so that what disturbs the
  machine disturbs every row. Only the threads of a row with several are pinned, one to a CPU.
- Repetitions whose threads did not meet: where other programs held the CPUs, threads took turns, and
  what suffers from meeting would look better than it is. Rows say how much of the time all threads
  ran; below 90 % a repetition is left out, and a claim whose row has no other is not judged.
"""
MET = 0.9  # threads that ran at once for at least this share of the time did meet


@dataclass
class Row:
    """One benchmark's repetitions as their medians."""

    name: str
    repetitions: int
    real_ns: float
    cpu_ns: float
    spread: float  # of CPU time: (largest - smallest) / median
    together: float  # share of the wall time in which its threads ran, all of them: 1 at best
    p99_real_ns: float
    max_real_ns: float
    counters: dict


def read_rows(document):
    by_name = {}
    for entry in document["benchmarks"]:
        if entry.get("error_occurred"):
            raise SystemExit(f"{entry['name']}: {entry['error_message']}")
        if entry["run_type"] == "iteration":
            name = re.sub(r"/(iterations:\d+|manual_time)", "", entry["name"])
            by_name.setdefault(name, []).append(entry)
    return {name: row_of(name, entries) for name, entries in by_name.items()}


def together(entry):
    """CPU time is a thread's for one operation, wall time all threads' for the operations of all."""
    threads = entry.get("threads", 1)
    if threads == 1 or not entry["real_time"]:
        return 1.0
    return min(1.0, entry["cpu_time"] / (entry["real_time"] * threads))


def row_of(name, entries):
    entries = [entry for entry in entries if together(entry) >= MET] or entries
    scale = TO_NS[entries[0]["time_unit"]]
    real = sorted(entry["real_time"] * scale for entry in entries)
    cpu = [entry["cpu_time"] * scale for entry in entries]
    median = statistics.median(cpu)
    counters = {key: statistics.median(entry[key] for entry in entries)
                for key, value in entries[0].items()
                if key not in PLAIN and isinstance(value, (int, float))}
    return Row(name, len(entries), statistics.median(real), median,
               (max(cpu) - min(cpu)) / median if median else 0,
               statistics.median(together(entry) for entry in entries),
               real[min(len(real) - 1, round(0.99 * len(real)))], real[-1], counters)


def time_text(ns):
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= scale:
            return f"{ns / scale:.3g} {unit}"
    return f"{ns:.3g} ns"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def machine(documents):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_gib = int(file.readline().split()[1]) / 2**20
    context = next(d["context"] for d in documents.values() if "num_cpus" in d["context"])
    loads = [d["context"]["load_avg"][0] for d in documents.values() if d["context"].get("load_avg")]
    changed = " with changes not committed" if output_of("git", "status", "--porcelain", "-uno") \
        else ""
    return context["num_cpus"], [
        ("Date", context["date"]),
        ("Commit", output_of("git", "rev-parse", "--short=12", "HEAD") + changed),
        ("Processor", f"{model.group(1) if model else platform.machine()}, "
                      f"{context['num_cpus']} CPUs"),
        ("Memory", f"{memory_gib:.0f} GiB"),
        ("Kernel", platform.release()),
        ("C library", " ".join(platform.libc_ver())),
        ("Compiler", output_of("c++", "--version").splitlines()[0]),
        ("Flags", "-std=c++20 -O2 -g1 -DNDEBUG (preset release), no LTO; peers as Debian builds them"),
        ("Peers", ", ".join(output_of("dpkg-query", "-W", "-f=${Package} ${Version}\n", package)
                            for package in ("libprometheus-cpp-core1.0", "libpcp-mmv1",
                                            "libbenchmark1debian"))),
        ("Load average", f"{min(loads):.2f} to {max(loads):.2f} as the programs started"),
    ]


class AskedRows(dict):
    """Rows that remember which of them a claim read."""

    def __init__(self, rows):
        super().__init__(rows)
        self.asked = []

    def __getitem__(self, name):
        row = super().__getitem__(name)
        self.asked.append(row)
        return row


def claim_lines(programs, cpus):
    """The table's lines, and why what was missed was."""
    lines = []
    causes = []
    for claim in claims.all_claims(cpus):
        if claim.program not in programs and claim.needs:
            lines.append((claim.text, claim.bound, "", f"not judged: it takes {claim.needs}"))
            continue
        if claim.program not in programs:
            raise SystemExit(f"no rows of {claim.program}")
        rows = AskedRows(programs[claim.program])
        value = claim.figure(rows)
        least = min(row.together for row in rows.asked)
        if least < MET:
            verdict = f"**not judged**: its threads met {least:.0%} of the time"
        else:
            verdict = "met" if claim.met(value) else "**missed**"
        lines.append((claim.text, claim.bound, f"{value:.3g}{claim.unit}", verdict))
        if verdict == "**missed**" and (cause := claim.cause(programs)):
            causes.append(f"- {claim.text}: {cause}.\n")
    return lines, causes


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows) + "\n"


def counters_text(row):
    return ", ".join(f"{name} {value:,.4g}" if abs(value) < 1e4 else f"{name} {value:,.0f}"
                     for name, value in row.counters.items())


def program_text(name, document, rows):
    context = document["context"]
    notes = [f"{key.removeprefix('notch_')}: {context[key]}"
             for key in ("notch_library", "notch_counting", "notch_threads") if key in context]
    text = f"### {name}\n\n" + (f"{', '.join(notes).capitalize()}.\n\n" if notes else "")
    lines = []
    for row in rows.values():
        timed = row.cpu_ns or row.real_ns
        tail = name == "attach_bench"
        lines.append((row.name, time_text(row.cpu_ns) if row.cpu_ns and not tail else "",
                      f"{row.spread:.0%}" if timed and not tail else "",
                      f"{row.together:.0%}" if re.search(r"/threads:(?!1$)", row.name) else "",
                      time_text(row.real_ns) if timed else "",
                      time_text(row.p99_real_ns) if tail else "",
                      time_text(row.max_real_ns) if tail else "",
                      row.repetitions, counters_text(row)))
    head = ("row", "CPU time", "spread", "together", "wall time", "p99", "maximum", "repetitions", "counters")
    used = [i for i in range(len(head)) if i == 0 or any(line[i] != "" for line in lines)]
    return text + table([head[i] for i in used], [[line[i] for i in used] for line in lines])


def shape_of(name):
    """What two rows must share to be compared: one or many places, and the threads."""
    return re.findall(r"_(one|many(?:_\w+)?)\b|/(threads:\d+)", name)


def behind_lines(programs):
    """Rows of ours that are slower than a peer's or the limit's of the same threads."""
    for program, rows in programs.items():
        for row in rows.values():
            ours = re.match(r"notch_(.*?)(/threads:\d+)?$", row.name)
            if not ours or not row.cpu_ns:
                continue
            for peer in rows.values():
                if peer.name.startswith("notch_") or shape_of(peer.name) != shape_of(row.name):
                    continue
                if 0 < peer.cpu_ns < row.cpu_ns:
                    yield program, row.name, peer.name, f"{row.cpu_ns / peer.cpu_ns:.2f}x"


def main(folder, results_path, command):
    documents = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path, encoding="utf-8") as file:
            documents[os.path.basename(path)[:-5]] = json.load(file)
    programs = {name: read_rows(document) for name, document in documents.items()}
    cpus, facts = machine(documents)
    verdicts, causes = claim_lines(programs, cpus)

    for text, bound, value, verdict in verdicts:
        print(f"{verdict.replace('*', ''):7} {value:>9}  {bound:15}  {text}")
    with open(results_path, "w", encoding="utf-8") as out:
        out.write("# Results\n\nWritten by `bench/run`; no number here is by hand. What each program "
                  "asks is in [README.md](README.md).\n\n")
        out.write(table(("", ""), [*facts, ("Command", f"`{command}`")]))
        out.write("\n## Claims\n\n" + table(("claim", "bound", "measured", ""), verdicts))
        if causes:
            out.write("\n### Why a claim was missed\n\nIn figures of this run; what gives none is "
                      "left out.\n\n" + "".join(causes))
        out.write("\n## Where Notch is slower than a peer or the limit\n\n" +
                  table(("program", "row", "faster row", "by"), sorted(behind_lines(programs))))
        out.write("\n## Left out, and why\n\n" + EXCLUDED)
        out.write("\n## Rows\n\nMedians over the repetitions. With threads, CPU time is one thread's "
                  "for one operation, and wall time is\nGoogle Benchmark's, over the operations of "
                  "all threads. Spread is of the CPU time: (largest - smallest) / median. Together is the share of "
                  "the wall time in which all\nthreads of a row ran; its repetitions are those left "
                  "after the ones below 90 %.\n")
        for name, rows in programs.items():
            out.write("\n" + program_text(name, documents[name], rows))
    met, missed = (sum(verdict == word for *_, verdict in verdicts) for word in ("met", "**missed**"))
    print(f"{met} claims met, {missed} missed, {len(verdicts) - met - missed} not judged; written to "
          f"{results_path}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
