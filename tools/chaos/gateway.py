"""The gateway under test: started, killed, started again on the same ports, and ended."""
import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

PROGRAM = "target/release/tributary"
MQTT = "127.0.0.1:26883"
CONTROL = "127.0.0.1:26884"
START_SECS_MAX = 60
END_SECS_MAX = 90
# ack and on_outage of the route, by the names of the table.
POLICIES = {
    "withhold": 'on_outage = "withhold"',
    "spool in an outage": 'on_outage = "spool"',
    "spool first": 'ack = "spool"',
}


class Gateway:
    """One gateway after another; `life` counts them, 0 while there is none to scrape."""

    def __init__(self, folder, topic, brokers, policy):
        self.folder = Path(folder)
        self.topic, self.brokers, self.policy = topic, brokers, policy
        self.spool = self.folder / "spool"
        self.spool_bytes_max = 1 << 30
        self.environment = dict(os.environ)
        self.process = None
        self.lives = 0
        self.life = 0
        self._log = open(self.folder / "gateway.log", "ab")
        self._lock = threading.Lock()

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        (self.folder / "gateway.toml").write_text(self._config())
        command = [PROGRAM, "run", "--config", str(self.folder / "gateway.toml"),
                   "--listen", MQTT, "--control", CONTROL]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log,
            env=self.environment,
        )
        self._await_ready()
        self.lives += 1
        self.life = self.lives

    def kill(self):
        self.life = 0
        self.process.kill()
        self._reap()

    def end(self):
        """Drains it as an operator would; returns its exit code."""
        self.life = 0
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_SECS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._reap()

    def has_died(self):
        """Whether it ended without having been told to."""
        return self.life > 0 and self.process.poll() is not None

    def close(self):
        if self.process and self.process.returncode is None:
            self.kill()
        self._log.close()

    def peak_bytes(self):
        """The most memory that this process had at any time."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
        return 0

    def log(self):
        return (self.folder / "gateway.log").read_text(errors="replace")

    def _config(self):
        brokers = ", ".join(f'"{broker}"' for broker in self.brokers.split(","))
        return (
            f'[kafka.main]\nbrokers = [{brokers}]\nspool = "{self.spool.resolve()}"\n'
            f"spool_bytes_max = {self.spool_bytes_max}\n\n"
            f'[[route]]\nfilter = "#"\ntopic = "{self.topic}"\n{POLICIES[self.policy]}\n'
        )

    def _reap(self):
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def _await_ready(self):
        deadline, said = time.monotonic() + START_SECS_MAX, b""
        while not said.endswith(b"ready\n"):
            left = deadline - time.monotonic()
            readable = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            chunk = os.read(self.process.stdout.fileno(), 4096) if readable else b""
            if not chunk:
                self.process.kill()
                self._reap()
                raise RuntimeError(f"the gateway did not get ready: see {self.folder}/gateway.log")
            said += chunk
