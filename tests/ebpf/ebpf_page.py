"""Whether this machine lets probes run, and what a page says of them. Called by: the tests of this folder."""
import os
import subprocess
import sys

import live_agent
import scratch

PROBES = 8  # the table of services, and seven


def skip_where_probes_are_refused(test, notchd):
    """Ends the program with 77 and the reason, if an agent of this user's may not have them."""
    if os.geteuid() != 0:
        print(f"skipped: {test}: it is root's")
        sys.exit(77)
    with scratch.folder() as folder:
        agent = live_agent.Agent(notchd, os.path.join(folder, "segments"), "--ebpf", "require")
        agent.start()
        try:
            live_agent.until(30, "the agent", lambda: agent.process.poll() is not None or agent.scrape())
            if agent.process.returncode == 5:
                print(f"skipped: {test}: {agent.log().strip().splitlines()[-1]}")
                sys.exit(77)
        finally:
            agent.end()


def histogram_count(samples, name, labels=""):
    return samples.get((f"{name}_count", labels), 0)
