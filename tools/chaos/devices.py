"""The load, and the judge: `tributary-loadgen publish` with its ledger, and `verify` after it."""
import json
import signal
import subprocess

import gateway

PROGRAM = "target/release/tributary-loadgen"
# Longer than any run: the devices stop when they are told to.
DURATION_SECS = 24 * 3600
# For the last acknowledgements, of messages that waited through an outage.
DRAIN_SECS = 180
VERIFY_IDLE_SECS = 15
VERIFY_SECS_MAX = 600
# What a judge finds in Kafka that nothing excuses, beside what is lost.
FAULTS = ("reordered", "corrupted", "wrong_key", "wrong_partition", "wrong_topic", "foreign")


class Devices:
    """Clients that publish at QoS 1 in an open loop and come back when their connection ends."""

    def __init__(self, folder, run, clients, rate, payload=64):
        self.folder, self.run = folder, run
        self.ledger = folder / "ledger"
        self._json = folder / "publish.json"
        command = [PROGRAM, "publish", "--target", gateway.MQTT, "--clients", str(clients)]
        command += ["--rate", str(rate), "--qos", "1", "--payload", str(payload), "--version", "5"]
        command += ["--duration", str(DURATION_SECS), "--drain", str(DRAIN_SECS), "--run", run]
        command += ["--ledger", str(self.ledger), "--json", str(self._json)]
        self._log = open(folder / "publish.log", "wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def stop(self):
        """Nothing new is sent; returns when everything is acknowledged, or will not be."""
        self.process.send_signal(signal.SIGTERM)

    def is_done(self):
        return self.process.poll() is not None

    def said(self):
        """What they sent and saw."""
        if self.process.returncode != 0:
            raise RuntimeError(f"publish ended with {self.process.returncode}: {self._log.name}")
        return json.loads(self._json.read_text())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()


def verdict(folder, kafka, topic, ledger):
    """What Kafka holds of what was acknowledged."""
    answer = folder / "verify.json"
    answer.unlink(missing_ok=True)
    command = [PROGRAM, "verify", "--kafka", kafka, "--topic", topic, "--ledger", str(ledger)]
    command += ["--idle", str(VERIFY_IDLE_SECS), "--json", str(answer)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_SECS_MAX,
                          check=False)
    if done.returncode not in (0, 3) or not answer.exists():
        raise RuntimeError(f"{' '.join(command)}: {(done.stdout + done.stderr)[-1000:]}")
    return json.loads(answer.read_text())["counts"]
