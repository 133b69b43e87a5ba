"""Starts the gateway on ports of its own choosing and ends it by its pid."""

import os
import subprocess
import threading

START_SECS = 60
LISTENERS = {
    "TRIBUTARY_LISTEN__MQTT__ADDRESS": "127.0.0.1:0",
    "TRIBUTARY_LISTEN__WEB__ADDRESS": "127.0.0.1:0",
    "TRIBUTARY_LISTEN__WEB__PROTOCOL": "ws",
}
END_SECS = 60


class Gateway:
    """A running gateway: `host`, `port` of MQTT, `web_port` of MQTT through WebSockets, and
    `kafka`, the brokers to read back from; `listeners`, every name and address it has told."""

    def __init__(self, binary, brokers, log, settings=None, config=None, **process):
        """`settings` are configuration keys as the environment spells them, `config` is a file,
        `process` is for Popen."""
        arguments = [binary, "run", "--control", "127.0.0.1:0"]
        if config:
            arguments += ["--config", config]
        if brokers:
            arguments += ["--kafka", brokers]
        self.kafka = brokers
        self.host, self.port, self.web_port = None, None, None
        self.listeners = {}
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | LISTENERS | (settings or {}),
            **process,
        )
        # A gateway that never gets ready is ended, and the loop below sees the end of its output.
        watchdog = threading.Timer(START_SECS, self.process.kill)
        watchdog.daemon = True
        watchdog.start()
        for line in self.process.stdout:
            match line.split():
                case ["listening", name, address]:
                    self.listeners[name] = address
            match line.split():
                case ["listening", "mqtt", address]:
                    host, port = address.rsplit(":", 1)
                    self.host, self.port = host, int(port)
                case ["listening", "web", address]:
                    self.web_port = int(address.rsplit(":", 1)[1])
                case ["listening", "kafka", address]:
                    self.kafka = address
                case ["ready"]:
                    break
        else:
            raise SystemExit(f"the gateway did not get ready: {self.process.wait()}")
        watchdog.cancel()
        if not (self.port and self.kafka):
            self.process.kill()
            raise SystemExit("the gateway said `ready` without saying where it listens")
        # The pipe stays open and small: nothing more is said on it but by accident.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def port_of(self, name):
        """The port of a listener by its name."""
        return int(self.listeners[name].rsplit(":", 1)[1])

    def end(self):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=END_SECS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
