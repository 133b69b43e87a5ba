"""Scrapes the gateway all the time and holds both of its balances against each other.

    received = acknowledged + pending + refused + settled after the client had gone
    acknowledged <= in Kafka + in the spool + dropped by it, and equal when nothing is on its way
"""
import threading
import time
import urllib.request
from typing import NamedTuple

import gateway

SCRAPE_SECS = 0.2
SCRAPE_SECS_MAX = 10
# Shorter pauses between acknowledgements are the machine's.
SILENCE_SECS_MIN = 1.0
# A gateway that is there and cannot be scraped for so long has hung.
SILENCE_SECS_MAX = 60


class Reading:
    """One scrape, summed over labels."""

    def __init__(self, text):
        self.sums = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0].removeprefix("tributary_").removesuffix("_total")
                self.sums[name] = self.sums.get(name, 0) + float(value)
        for line in text.splitlines():
            if line.startswith("tributary_kafka_state{") and line.endswith(" 1"):
                self.state = line.split('state="')[1].split('"')[0]

    def of(self, name):
        """0 for a counter that no event has made appear yet."""
        return int(self.sums.get(name, 0))

    def unexplained(self):
        """Received messages that nothing has become of, or too much."""
        became = ("acknowledged", "pending", "refused", "settled_after_gone")
        return self.of("publishes_received") - sum(self.of(f"publishes_{name}") for name in became)

    def surplus(self, corrupt_before):
        """How many more messages are safe than were acknowledged: below 0 somebody was told a lie.
        Above it are those whose acknowledgement is on its way or whose device has gone, and those
        that Kafka has and the spool has not forgotten yet."""
        safe = self.of("kafka_delivered") + self.of("spool_messages") + self.of("spool_dropped")
        safe += self.of("spool_corrupt") - corrupt_before - self.of("spool_recovered")
        return safe - self.of("publishes_acknowledged")


class Look(NamedTuple):
    """What is remembered of a scrape: acknowledgements over all lives of the gateway, and messages
    that wait, be it for their acknowledgement or on disk."""

    at: float
    acknowledged: int
    waiting: int


class Watcher(threading.Thread):
    """Holds the books open while a run lasts; what does not add up stays in `trouble`."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.trouble = []
        self.readings = 0
        self.last = None
        self.history = [Look(time.monotonic(), 0, 0)]
        self.peak_bytes = 0
        self.states = []
        self._life, self._before, self._corrupt_before = 0, 0, 0
        self._heard = time.monotonic()
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(SCRAPE_SECS):
            life = self.server.life
            reading = scrape() if life else None
            if reading is not None and life == self.server.life:
                self._heard = time.monotonic()
                self._take(reading, life)
            elif life == 0:
                self._heard = time.monotonic()
            elif time.monotonic() > self._heard + SILENCE_SECS_MAX:
                self._complain(f"no scrape for {SILENCE_SECS_MAX} s")

    def stop(self):
        self._over.set()
        self.join()

    def acknowledged(self):
        return self.history[-1].acknowledged

    def waiting(self):
        return self.history[-1].waiting

    def at_rest(self):
        """A message for the case that the second balance is not even, though nothing is on its
        way."""
        surplus = self.last.surplus(self._corrupt_before)
        gone = self.last.of("publishes_settled_after_gone")
        if 0 <= surplus <= gone:
            return None
        return f"second balance at rest: {surplus} more are safe than acknowledged, {gone} gone"

    def silent_until(self, since):
        """The end of the last time of silence that ended after `since`; `since` where there was
        none."""
        news = [look.at for before, look in zip(self.history, self.history[1:])
                if look.acknowledged > before.acknowledged]
        ends = [end for begin, end in zip(news, news[1:]) if end - begin >= SILENCE_SECS_MIN]
        return max([since] + ends)

    def late_until(self, since, backlog):
        """When more than `backlog` messages were waiting for the last time."""
        return max([since] + [look.at for look in self.history if look.waiting > backlog])

    def _take(self, reading, life):
        if life != self._life:
            # What the last life did after its last scrape nobody knows.
            self._before, self._life = self.acknowledged(), life
            self._corrupt_before = reading.of("spool_corrupt")
        total = self._before + reading.of("publishes_acknowledged")
        waiting = reading.of("publishes_pending") + reading.of("spool_messages")
        self.history.append(Look(time.monotonic(), total, waiting))
        self.readings += 1
        self.peak_bytes = max(self.peak_bytes, reading.of("process_resident_memory_bytes"))
        if not self.states or self.states[-1] != reading.state:
            self.states.append(reading.state)
        if unexplained := reading.unexplained():
            self._complain(f"first balance: off by {unexplained}", reading)
        surplus = reading.surplus(self._corrupt_before)
        if surplus < 0:
            self._complain(f"second balance: {-surplus} acknowledged and nowhere", reading)
        self.last = reading

    def _complain(self, what, reading=None):
        names = ("publishes_", "spool_", "kafka_delivered", "kafka_failed", "kafka_pending")
        sums = reading.sums.items() if reading else ()
        self.trouble.append((what, {k: int(v) for k, v in sums if k.startswith(names)}))


def scrape():
    """One reading; `None` where nobody answers."""
    try:
        address = f"http://{gateway.CONTROL}/metrics"
        with urllib.request.urlopen(address, timeout=SCRAPE_SECS_MAX) as page:
            return Reading(page.read().decode())
    except (OSError, ValueError, EOFError):
        return None
    except Exception as error:  # http.client has a family of its own for answers that are cut off
        if type(error).__module__ == "http.client":
            return None
        raise
