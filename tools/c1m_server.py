"""The servers under a great many clients, the one load generator, and looks at both."""
import json
import os
import select
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import host

GATEWAY = "target/release/tributary"
LOADGEN = "target/release/tributary-loadgen"
FOLDER = Path("target/c1m")
NULL_ROUTE = '[[route]]\nfilter = "#"\ntopic = ""\n'
START_SECS_MAX = 60
END_SECS_MAX = 120
KIBIBYTE = 1024


def meminfo_bytes(name):
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * KIBIBYTE
    raise RuntimeError(f"/proc/meminfo has no {name}")


class Server:
    """A gateway or a floor that runs."""

    def __init__(self, name, process, addresses):
        self.name, self.process, self.pid = name, process, process.pid
        self.address = addresses.get("mqtt") or addresses["floor"]
        self.control = addresses.get("control")

    def user_bytes(self):
        """Live bytes of the gateway's allocator; others do not tell."""
        if not self.control:
            return None
        with urllib.request.urlopen(f"http://{self.control}/metrics", timeout=30) as page:
            for line in page.read().decode().splitlines():
                if line.startswith("tributary_user_bytes"):
                    return float(line.rsplit(" ", 1)[1])
        return None

    def look(self):
        return {
            "user_bytes": self.user_bytes(),
            "resident_bytes": host.resident_bytes(self.pid),
            "slab_bytes": host.slab_bytes(),
            "cpu_secs": host.cpu_secs(self.pid),
            "at": time.time(),
        }

    def kill(self):
        """No goodbye: the kernel closes what was open."""
        self.process.kill()
        self.process.wait()


def start_gateway(connections, listen="127.0.0.1:0", route=NULL_ROUTE):
    """With room for a few more, since who leaves and who comes meet for a moment."""
    room = connections + connections // 50 + 100
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = FOLDER / "gateway.toml"
    config.write_text(f"[shards]\nmax_connections = {room}\n{route}")
    command = [GATEWAY, "run", "--config", str(config), "--listen", listen]
    if not listen.startswith("127."):
        command.append("--anonymous")  # Its network namespace keeps everybody else out.
    return _start("gateway", command + ["--control", "127.0.0.1:0"])


def start_floor(connections, threads):
    command = [LOADGEN, "floor", "--listen", "127.0.0.1:0", "--rings"]
    command += ["--connections", str(connections), "--threads", str(threads)]
    return _start("floor", command)


@contextmanager
def running(server):
    try:
        yield server
    finally:
        end(server)


def end(server):
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(END_SECS_MAX)
        except subprocess.TimeoutExpired:
            server.kill()
    if server.process.stdout:
        server.process.stdout.close()


def _start(name, command):
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{name}.err", "wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=errors)
    text, deadline = "", time.monotonic() + START_SECS_MAX
    while not text.endswith("ready\n"):
        left = deadline - time.monotonic()
        readable = left > 0 and select.select([process.stdout], [], [], left)[0]
        chunk = os.read(process.stdout.fileno(), 4096).decode() if readable else ""
        if not chunk:
            process.kill()
            process.wait()
            end_of_log = (FOLDER / f"{name}.err").read_text()[-500:]
            raise RuntimeError(f"{name} did not get ready: {end_of_log}")
        text += chunk
    lines = (line.split() for line in text.splitlines()[:-1])
    return Server(name, process, {words[1]: words[2] for words in lines})


class Clients:
    """One load generator process with clients that are simply there."""

    def __init__(self, server, connections, *options, watch_pid=True):
        self.json = FOLDER / f"clients-{connections}-{time.monotonic_ns()}.json"
        command = [LOADGEN, "connect", "--target", server.address, "--version", "5"]
        command += ["--connections", str(connections), "--connack-wait", "60"]
        if "--stateless" not in options:  # It has one device, hence one thread.
            command += ["--threads", str(len(os.sched_getaffinity(0)))]
        command += ["--json", str(self.json), *options]
        command += ["--server-pid", str(server.pid)] if watch_pid else []
        self.command = " ".join(command)
        print(f"c1m: {self.command}", flush=True)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def await_connected(self, secs_max):
        """The first line on its stdout says that the connect phase is over, and for how many."""
        if not select.select([self.process.stdout], [], [], secs_max)[0]:
            raise RuntimeError(f"{self.command}: not connected after {secs_max} s")
        words = self.process.stdout.readline().split()
        if words[:1] != [b"connected"]:
            raise RuntimeError(f"{self.command}: ended before all were connected")
        return int(words[1])

    def resident_bytes(self):
        return host.resident_bytes(self.process.pid)

    def cpu_secs(self):
        return host.cpu_secs(self.process.pid)

    def end(self):
        """Lets them go, or waits for their own end, and returns their report."""
        self.process.stdout.read()
        code = self.process.wait()
        if code not in (0, 3):
            raise RuntimeError(f"{self.command}: exit code {code}")
        report = json.loads(self.json.read_text())
        self.json.unlink()
        report["command"] = self.command
        return report

    def let_go(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.end()
