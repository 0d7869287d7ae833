"""A process of spoken_worker.cc, which counts what the test's commands say. Called by: the tests of this folder."""
import subprocess

import live_agent


class SpokenWorker:
    def __init__(self, program, directory, service, uid=None, variables=None):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=uid, group=uid,
            extra_groups=None if uid is None else [],
            env=live_agent.environment(NOTCH_DIR=directory, NOTCH_SERVICE=service, **(variables or {})))
        self.pid = self.process.pid

    def say(self, kind, name, value=1, labels=None, help_text="Help.", exemplar=""):
        """The answer: "ok", or the rule that was broken. Label values are bytes or text; an exemplar is the hex of
        its trace id and span id, one behind the other."""
        parts = [kind, name, help_text, repr(value) + (f"@{exemplar}" if exemplar else "")]
        for label, text in (labels or {}).items():
            parts.append(f"{label}={(text if isinstance(text, bytes) else text.encode()).hex()}")
        self.process.stdin.write("\t".join(parts).encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def become(self, program, *arguments):
        """Another program in the same process; it says nothing any more."""
        self.process.stdin.write("\t".join(("exec", program, *arguments)).encode() + b"\n")
        self.process.stdin.flush()

    def finish(self):
        """Ends in order; gives the exit code."""
        self.process.stdin.close()
        return self.process.wait(30)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if not self.process.stdin.closed:
            self.process.stdin.close()
