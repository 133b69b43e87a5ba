"""A real Kafka of one node or three that can be killed, stopped and brought back."""
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NODE = "gateway/tests/kafka/kafka-node.sh"
HOST = "127.0.0.1"
PORT = 26092
PARTITIONS = 12
# The only node listens three times, so that load and judge can take different ways to it: straight,
# and to where proxies stand, by address and by name.
PROXIED_PORT, PROXIED_AT = PORT + 5, PORT + 105
NAMED_PORT, NAMED_AT = PORT + 6, PORT + 106
NAME = "kafka.tributary.test"
WAYS = {
    "listeners": {"PLAINTEXT": (HOST, PORT), "PROXIED": (HOST, PROXIED_PORT),
                  "NAMED": (HOST, NAMED_PORT), "CONTROLLER": (HOST, PORT + 1)},
    "advertised.listeners": {"PLAINTEXT": (HOST, PORT), "PROXIED": (HOST, PROXIED_AT),
                             "NAMED": (NAME, NAMED_AT)},
}


class Cluster:
    """Kafka in a folder of its own; a context that ends with its processes."""

    def __init__(self, folder, nodes):
        self.folder = Path(folder)
        self.nodes = nodes
        self.direct = ",".join(f"{HOST}:{PORT + 10 * index}" for index in range(nodes))
        self.environment = dict(os.environ, KAFKA_NODE_DIR=str(self.folder),
                                KAFKA_PORT=str(PORT), KAFKA_NODES=str(nodes))

    def __enter__(self):
        self._node("clean")
        options = []
        if self.nodes == 1:
            for key, ways in WAYS.items():
                told = ",".join(f"{name}://{host}:{port}" for name, (host, port) in ways.items())
                options += ["--set", f"{key}={told}"]
            protocols = ",".join(f"{name}:PLAINTEXT" for name in WAYS["listeners"])
            options += ["--set", f"listener.security.protocol.map={protocols}"]
        try:
            self._node("start", *options)
        except BaseException:
            self._node("clean")
            raise
        return self

    def __exit__(self, *_):
        self._node("clean")

    def create(self, topic):
        self._node("create", topic, str(PARTITIONS))

    def leader(self, topic, partition=0):
        return int(self._node("leader", topic, str(partition)))

    def kill(self, node):
        self._node("kill", str(node))

    def restart(self, node):
        """Starts a node that does not run and waits until it serves."""
        self._node("restart", str(node))

    def restart_all(self, *nodes):
        """Restarts nodes at once: each waits for a quorum that needs the others."""
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(self.restart, nodes))

    def pause(self, node):
        os.kill(self.pid(node), signal.SIGSTOP)

    def resume(self, node):
        os.kill(self.pid(node), signal.SIGCONT)

    def pid(self, node):
        return int((self.folder / str(node) / "pid").read_text())

    def _node(self, *words):
        done = subprocess.run((NODE,) + words, env=self.environment, text=True, check=False,
                              capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"{NODE} {' '.join(words)}: {done.stderr.strip()[-800:]}")
        return done.stdout.strip()
