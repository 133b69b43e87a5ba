"""One run under load: Kafka, gateway, devices and books together, from the first connect to the
judge's word."""
import shutil
import time
from pathlib import Path

import apart
import books
import cluster
import devices
import gateway
from proxy import Proxy

FOLDER = Path("target/chaos")
LOOK_SECS = 0.05
# Load before a fault, and after everything has flowed again.
BEFORE_SECS = 3.0
AFTER_SECS = 2.0
# Waits end here, since something has gone wrong; none of them is a measure of speed.
FLOW_SECS_MAX = 240
REST_SECS_MAX = 240
# As much as arrives in a second may be on its way when a run is said to have caught up.
BACKLOG_SECS = 1.0
OLD_HOST, NEW_HOST = "127.0.0.2", "127.0.0.3"


class Trouble(RuntimeError):
    """The promise was broken, or the gateway: what the whole exercise is to find."""


class Stand:
    """Everything that one run needs; a context that ends all of it but Kafka."""

    def __init__(self, kafka, name, policy, way="direct", clients=500, rate=2_000, payload=64):
        self.kafka, self.name, self.rate = kafka, name, rate
        self.folder = FOLDER / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        kafka.create(name)
        self._proxies = []
        self._hosts = None
        brokers = self._open_way(way)
        self.gateway = gateway.Gateway(self.folder, name, brokers, policy)
        self.watcher = books.Watcher(self.gateway)
        self._load = (clients, rate, payload)
        self.devices = None
        self.shim = None
        self.notes = []
        self._fault_ended = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.devices:
            self.devices.close()
        if self.watcher.is_alive():
            self.watcher.stop()
        self.gateway.close()
        for proxy in self._proxies:
            proxy.close()
        if self._hosts:
            apart.forget_hosts()

    @property
    def proxy(self):
        """The one that the gateway goes through first."""
        return self._proxies[0]

    def move_name(self):
        """The broker's name means another address from now on."""
        apart.set_hosts(self._hosts, cluster.NAME, NEW_HOST)

    def begin(self):
        """Starts gateway, books and devices, and waits for the first acknowledgements."""
        self.gateway.start()
        self.watcher.start()
        self.devices = devices.Devices(self.folder, self.name, *self._load)
        self._await_flow()
        self.sleep(BEFORE_SECS)

    def check(self):
        """Raises what the books or the processes have to say."""
        if self.watcher.trouble:
            what, sums = self.watcher.trouble[0]
            raise Trouble(f"{what}: {sums}")
        if self.gateway.has_died():
            raise Trouble(f"the gateway has died: {self.gateway.log()[-1500:]}")
        if self.devices and self.devices.is_done() and self.devices.process.returncode != 0:
            self.devices.said()

    def sleep(self, secs):
        """Goes on under load for so long, and no longer than the books are right."""
        end = time.monotonic() + secs
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK_SECS, left))
            self.check()

    def await_that(self, is_so, secs_max, what):
        deadline = time.monotonic() + secs_max
        while not is_so():
            if time.monotonic() > deadline:
                raise Trouble(f"{what} within {secs_max} s: {self.watcher.last.sums}")
            self.sleep(LOOK_SECS)

    def end_fault(self):
        """Nothing is in the way any more: from here on it is the gateway's time. The first call of
        a run counts."""
        if self._fault_ended is None:
            self._fault_ended = time.monotonic()

    def await_calm(self):
        """Waits until acknowledgements flow and what had piled up is gone."""
        self.end_fault()
        self._await_flow()
        count = self.watcher.readings
        self.await_that(lambda: self.watcher.readings > count and
                        self.watcher.waiting() <= self.rate * BACKLOG_SECS, REST_SECS_MAX,
                        "what had piled up is not gone")

    def finish(self, lost=0):
        """Lets everything come home, asks the judge, and returns the row of the table."""
        self.await_calm()
        self.sleep(AFTER_SECS)
        ended = self._fault_ended
        times = {"flow_secs": self.watcher.silent_until(ended) - ended,
                 "calm_secs": self.watcher.late_until(ended, self.rate * BACKLOG_SECS) - ended}
        self.devices.stop()
        self.await_that(self.devices.is_done, devices.DRAIN_SECS + REST_SECS_MAX, "devices stay")
        self._await_rest()
        peak_bytes = max(self.watcher.peak_bytes, self.gateway.peak_bytes())
        self.watcher.stop()
        self.check()
        if (code := self.gateway.end()) != 0:
            raise Trouble(f"the gateway ended with {code}: {self.gateway.log()[-1500:]}")
        said = self.devices.said()
        found = devices.verdict(self.folder, self.kafka.direct, self.name, self.devices.ledger)
        row = self._row(said, found) | times | {"peak_bytes": peak_bytes}
        if row["lost"] != lost:
            raise Trouble(f"{row['lost']} acknowledged messages are lost, not {lost}: {row}")
        if any(row["faults"].values()):
            raise Trouble(f"Kafka has what it should not: {row}")
        return row

    def _open_way(self, way):
        """Puts proxies where brokers are said to be; returns what the gateway is told of them."""
        if way == "proxied":
            self._add_proxy(cluster.HOST, cluster.PROXIED_AT, cluster.PROXIED_PORT)
            return f"{cluster.HOST}:{cluster.PROXIED_AT}"
        if way == "named":
            for host in (OLD_HOST, NEW_HOST):
                self._add_proxy(host, cluster.NAMED_AT, cluster.NAMED_PORT)
            self._hosts = self.folder / "hosts"
            apart.set_hosts(self._hosts, cluster.NAME, OLD_HOST)
            return f"{cluster.NAME}:{cluster.NAMED_AT}"
        return self.kafka.direct

    def _add_proxy(self, host, port, target_port):
        self._proxies.append(Proxy((host, port), (cluster.HOST, target_port)))

    def _await_flow(self):
        beyond = self.watcher.acknowledged()
        self.await_that(lambda: self.watcher.acknowledged() > beyond, FLOW_SECS_MAX,
                        "no acknowledgement")

    def _await_rest(self):
        """Nothing on its way, and both balances even."""
        count = self.watcher.readings
        # A reading that was begun after the last device had gone.
        self.await_that(lambda: self.watcher.readings > count + 1 and
                        self.watcher.waiting() + self.watcher.last.of("kafka_pending") == 0,
                        REST_SECS_MAX, "something stays pending")
        if uneven := self.watcher.at_rest():
            raise Trouble(f"{uneven}: {self.watcher.last.sums}")

    def _row(self, said, found):
        counts = said["counts"]
        return {
            "sent": found["sent"],
            "acknowledged": found["acknowledged"],
            "in_kafka": found["found"],
            "lost": found["lost"]["count"],
            "twice": found["duplicated"]["count"],
            "twice_sent_again": found["duplicates_excused"],
            "sent_again": counts["resent"],
            "refused": counts["refused"],
            "unacknowledged": counts["unacknowledged"],
            "longest_puback_secs": said["latency_ms"]["publish"]["max"] / 1e3,
            "scrapes": self.watcher.readings,
            "states": self.watcher.states,
            "faults": {name: found[name]["count"] for name in devices.FAULTS},
            "notes": self.notes,
        }
