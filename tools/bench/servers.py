"""Starts what is measured, says where it listens, and ends it: floor, gateway, mosquitto, Kafka."""
import os
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import host

GATEWAY = "target/release/tributary"
LOADGEN = "target/release/tributary-loadgen"
KAFKA_NODE = "gateway/tests/kafka/kafka-node.sh"
FOLDER = Path("target/bench")
KAFKA_PORT = 23092
START_SECS_MAX = 60
END_SECS_MAX = 20
POLL_SECS = 0.02
PARTITIONS = 12
STORE = FOLDER / "store"
MOSQUITTO_STORE = FOLDER / "mosquitto-store"
NULL_ROUTE = '[[route]]\nfilter = "#"\ntopic = ""\n'


class Server:
    """A running process under measurement."""

    def __init__(self, name, process, addresses, helpers=()):
        self.name = name
        self.process = process
        self.pid = process.pid
        self.addresses = addresses
        self.address = addresses["mqtt"]
        self.control = addresses.get("control")
        self.kafka = addresses.get("kafka")
        # Others that work for it, whose CPU is neither its own nor a stranger's.
        self.helpers = list(helpers)

    def pids(self):
        return [self.pid] + self.helpers

    def metrics(self):
        """The gateway's metrics, summed over labels."""
        sums = {}
        with urllib.request.urlopen(f"http://{self.control}/metrics", timeout=10) as page:
            for line in page.read().decode().splitlines():
                if line and not line.startswith("#"):
                    name, value = line.rsplit(" ", 1)
                    name = name.split("{")[0]
                    sums[name] = sums.get(name, 0.0) + float(value)
        return sums

    def connection_count(self):
        """Asked of the gateway, which keeps its sockets out of the descriptor table; of others
        nearly exact, since some descriptors are no connections."""
        if self.control:
            return int(self.metrics()["tributary_connections"])
        return host.descriptor_count(self.pid)


@contextmanager
def floor(threads=1):
    command = [LOADGEN, "floor", "--listen", "127.0.0.1:0", "--threads", str(threads)]
    with _announced("floor", command) as server:
        yield server


@contextmanager
def gateway(config="", shards=0, helpers=()):
    """`config` is TOML, with listeners of its own or none; without it there is the embedded Kafka.
    0 shards: one per core."""
    command = [GATEWAY, "run", "--control", "127.0.0.1:0"]
    command += [] if "[listen." in config else ["--listen", "127.0.0.1:0"]
    if config:
        (FOLDER / "gateway.toml").write_text(config)
        command += ["--config", str(FOLDER / "gateway.toml")]
    if shards:
        command += ["--shards", str(shards)]
    with _announced("tributary", command, helpers) as server:
        yield server


def to_kafka(topic, linger_ms=None):
    """The configuration for a route of everything to the real Kafka."""
    properties = f'properties = {{ "linger.ms" = "{linger_ms}" }}\n'
    return (
        f'[kafka.main]\nbrokers = ["127.0.0.1:{KAFKA_PORT}"]\n'
        + (properties if linger_ms is not None else "")
        + f'[[route]]\nfilter = "#"\ncluster = "main"\ntopic = "{topic}"\n'
    )


def local_store(folder=STORE):
    """The null route, with sessions on disk."""
    return NULL_ROUTE + f'[store]\nkind = "local"\npath = "{folder}"\n'


def core_count():
    return len(os.sched_getaffinity(0))


def fresh(folder):
    """An empty folder: what an earlier server kept is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def mosquitto_program():
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextmanager
def mosquitto(*keeping):
    """`keeping`: lines of its configuration about persistence; without them it has none."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true"]
    lines += keeping or ["persistence false"]
    lines += ["set_tcp_nodelay true", "log_dest none"]
    lines += ["user root"] if os.geteuid() == 0 else []
    (FOLDER / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [mosquitto_program(), "-c", str(FOLDER / "mosquitto.conf")], stderr=subprocess.DEVNULL
    )
    try:
        _wait_until(lambda: _answers(port), process)
        yield Server("mosquitto", process, {"mqtt": f"127.0.0.1:{port}"})
    finally:
        _end(process)


def mosquitto_keeping(*when):
    """A mosquitto with a store of its own; `when` says when it writes it."""
    place = f"persistence_location {fresh(MOSQUITTO_STORE).resolve()}/"
    return mosquitto("persistence true", place, "max_queued_messages 0", *when)


@contextmanager
def kafka_node(topics):
    """A real single-node Kafka with these topics; yields the pid of its process."""
    folder = FOLDER / "kafka"
    environment = dict(os.environ, KAFKA_NODE_DIR=str(folder), KAFKA_PORT=str(KAFKA_PORT))

    def node(*words):
        command = (KAFKA_NODE,) + words
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    node("clean")
    try:
        node("start")
        for topic in topics:
            node("create", topic, str(PARTITIONS))
        yield int((folder / "1" / "pid").read_text())
    finally:
        node("clean")


@contextmanager
def _announced(name, command, helpers=()):
    """A program that prints `listening WHAT ADDRESS` lines and then `ready`."""
    with open(FOLDER / f"{name}.err", "wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        addresses = _read_addresses(name, process)
        yield Server(name, process, addresses, helpers)
    finally:
        _end(process)


def _read_addresses(name, process):
    addresses, text = {}, ""
    deadline = time.monotonic() + START_SECS_MAX
    while not text.endswith("ready\n"):
        left = deadline - time.monotonic()
        readable = left > 0 and select.select([process.stdout], [], [], left)[0]
        chunk = os.read(process.stdout.fileno(), 4096).decode() if readable else ""
        if not chunk:
            raise RuntimeError(f"{name} did not get ready: see {FOLDER}/{name}.err")
        text += chunk
    for line in text.splitlines()[:-1]:
        _listening, what, address = line.split()
        addresses["mqtt" if what == "floor" else what] = address
    return addresses


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(is_so, process):
    deadline = time.monotonic() + START_SECS_MAX
    while not is_so():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args[0]} did not start")
        time.sleep(POLL_SECS)


def _end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
