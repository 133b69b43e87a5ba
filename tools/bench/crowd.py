"""One `connect` that goes on beside something else, and what it says at its end."""
import json
import select
import subprocess
import time

from servers import FOLDER, LOADGEN, core_count

END_SECS_MAX = 120


class Crowd:
    """Clients of one load generator; `address` where they do not come by the server's own."""

    def __init__(self, server, connections, *options, address=None, before=()):
        self.json = FOLDER / f"crowd-{time.monotonic_ns()}.json"
        self.errors = self.json.with_suffix(".err")
        command = [*before, LOADGEN, "connect", "--target", address or server.address]
        command += ["--connections", str(connections), "--connack-wait", "60", "--reconnect"]
        command += ["--server-pid", str(server.pid), "--json", str(self.json), *options]
        self.command = " ".join(command)
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        self.connected_at = None

    def await_connected(self, secs_max):
        """Its first line says that all are there."""
        if not select.select([self.process.stdout], [], [], secs_max)[0]:
            raise RuntimeError(f"{self.command}: not connected after {secs_max} s")
        words = self.process.stdout.readline().split()
        self.connected_at = time.monotonic()
        if words[:1] != [b"connected"]:
            said = self.errors.read_text()[-500:]
            raise RuntimeError(f"{self.command}: ended before all were connected: {said}")

    def report(self, secs_max=END_SECS_MAX):
        """Waits for its end."""
        try:
            self.process.communicate(timeout=secs_max)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{self.command}: still there after {secs_max} s") from error
        if self.process.returncode != 0:
            said = self.errors.read_text()[-500:]
            raise RuntimeError(f"{self.command}: exit code {self.process.returncode}: {said}")
        report = json.loads(self.json.read_text())
        self.json.unlink()
        self.errors.unlink()
        return report

    def let_go(self):
        """Ends it where it has not come to its end by itself."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.report()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def began_at(crowd, report):
    """When its clock began, on ours: the line "connected" came with the end of the first phase."""
    return crowd.connected_at - phase(report, "connect")["secs"]


def phase(report, name):
    return next(phase for phase in report["counts"]["phases"] if phase["name"] == name)


def threads():
    """As many as there are cores."""
    return ["--threads", str(core_count())]
