"""Faults drawn at random, one after the other and into each other, until time is up or something
does not add up."""
import random
import time

import faults
import stand
from cluster import Cluster

NAME = "drawn"
POLICIES = (faults.WITHHOLD, faults.IN_OUTAGE, faults.FIRST)
CLIENTS, RATE = 200, 500


class Draw:
    """One step: what befalls Kafka or the way to it, for how long, and when the gateway dies."""

    def __init__(self, chance):
        self.outage = chance.choice(OUTAGES)
        self.secs = round(chance.uniform(1.0, 15.0), 1)
        kills = chance.choice((0, 0, 1, 2))
        self.kills = sorted(round(chance.uniform(0.0, self.secs), 1) for _ in range(kills))
        self.awaits_calm = chance.random() < 0.7
        self.rest_secs = round(chance.uniform(0.0, 3.0), 1)

    def __str__(self):
        text = f"{self.outage.__name__.removeprefix('_')} for {self.secs} s"
        if self.kills:
            text += ", gateway killed after " + " and ".join(f"{kill} s" for kill in self.kills)
        return text + (", then calm" if self.awaits_calm else "")

    def stage(self, place):
        heal = self.outage(place)
        began = time.monotonic()
        for kill in self.kills:
            place.sleep(max(0.0, kill - (time.monotonic() - began)))
            place.gateway.kill()
            place.gateway.start()
        place.sleep(max(0.0, self.secs - (time.monotonic() - began)))
        heal()
        if self.awaits_calm:
            place.await_calm()
        place.sleep(self.rest_secs)


def _nothing(_place):
    return lambda: None


def _broker_killed(place):
    place.kafka.kill(1)
    return lambda: place.kafka.restart(1)


def _broker_stopped(place):
    place.kafka.pause(1)
    return lambda: place.kafka.resume(1)


def _path_silent(place):
    place.proxy.silence()
    return place.proxy.speak


def _path_slow(place):
    place.proxy.delay_secs = 0.5

    def heal():
        place.proxy.delay_secs = 0.0
    return heal


def _path_reset(place):
    for _ in range(20):
        place.proxy.reset_all()
        place.sleep(0.1)
    return place.proxy.reset_all


OUTAGES = (_nothing, _broker_killed, _broker_stopped, _path_silent, _path_slow, _path_reset)


def run(minutes, seed):
    """Returns the row of the whole run; raises at the first imbalance, loss or death."""
    chance = random.Random(seed)
    policy = chance.choice(POLICIES)
    print(f"chaos: seed {seed}, {minutes:g} minutes, policy: {policy}", flush=True)
    with Cluster(stand.FOLDER / "kafka", 1) as kafka, stand.Stand(
            kafka, NAME, policy, "proxied", clients=CLIENTS, rate=RATE) as place:
        place.begin()
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < minutes * 60:
            draw = Draw(chance)
            print(f"chaos: {elapsed:5.1f} s  {draw}", flush=True)
            draw.stage(place)
        row = place.finish()
    told = ("sent", "acknowledged", "in_kafka", "lost", "twice", "twice_sent_again", "scrapes")
    print("chaos: books balanced, " + ", ".join(f"{name} {row[name]:,}" for name in told))
    return row
