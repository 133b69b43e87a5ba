"""Every fault of Kafka and of the way to it: what it does, and under which policies of a route."""
import random

import apart

WITHHOLD, IN_OUTAGE, FIRST = "withhold", "spool in an outage", "spool first"
KILLS = 50
ALL = {}


class Fault:
    """Some rows of the table. `stage` does it on a stand that is under load and may return how many
    messages it has cost, which the judge then holds against what he finds."""

    def __init__(self, stage, policies, nodes, way, needs, prepare, load):
        self.name, self.stage = stage.__name__, stage
        self.what = " ".join(stage.__doc__.split())
        self.policies, self.nodes, self.way = policies, nodes, way
        self.needs, self.prepare, self.load = needs, prepare, load


def fault(*policies, nodes=1, way="direct", needs=(), prepare=None, **load):
    """Puts a function on the list."""
    def register(stage):
        ALL[stage.__name__] = Fault(stage, policies, nodes, way, needs, prepare, load)
        return stage
    return register


@fault(WITHHOLD, IN_OUTAGE)
def broker_killed(stand):
    """kill -9 of the only broker; it is started again 5 s later."""
    stand.kafka.kill(1)
    stand.sleep(5)
    stand.kafka.restart(1)


@fault(WITHHOLD, nodes=3)
def leader_killed(stand):
    """kill -9 of one of three brokers, which leads a third of the partitions (replication 3,
    min.insync.replicas 2). The time counts from the kill: Kafka needs no more than the two that are
    left. It comes back 15 s later."""
    leader = stand.kafka.leader(stand.name)
    stand.kafka.kill(leader)
    stand.end_fault()
    stand.sleep(15)
    stand.kafka.restart(leader)


@fault(WITHHOLD, IN_OUTAGE, nodes=3)
def two_of_three_down(stand):
    """kill -9 of two of three brokers (NOT_ENOUGH_REPLICAS, and no quorum); both are started again
    10 s later."""
    stand.kafka.kill(1)
    stand.kafka.kill(2)
    stand.sleep(10)
    stand.kafka.restart_all(1, 2)


def _stopped(secs):
    def stage(stand):
        stand.kafka.pause(1)
        stand.sleep(secs)
        stand.kafka.resume(1)
    stage.__name__ = f"broker_stopped_{secs}_s"
    stage.__doc__ = f"SIGSTOP of the broker for {secs} s: its sockets stay open and say nothing."
    return stage


for seconds in (5, 30, 120):
    fault(WITHHOLD, IN_OUTAGE)(_stopped(seconds))


@fault(WITHHOLD, IN_OUTAGE)
def broker_stopped_often(stand):
    """SIGSTOP of the broker for 6 s, ten times, 2 s apart: longer than its registration lasts
    (broker.session.timeout.ms is 3 s here), so that it comes back to name no broker at all for a
    moment."""
    for _ in range(10):
        stand.kafka.pause(1)
        stand.sleep(6)
        stand.kafka.resume(1)
        stand.sleep(2)


@fault(WITHHOLD, IN_OUTAGE, needs=("namespaces", "nft"))
def packets_dropped(stand):
    """For 30 s the kernel drops every packet between gateway and broker, both ways, without a word
    (nft, in a network namespace)."""
    apart.drop_packets(stand.gateway.brokers)
    stand.sleep(30)
    apart.let_packets_pass()


@fault(WITHHOLD, IN_OUTAGE, way="proxied")
def path_silent(stand):
    """For 20 s a proxy before the broker takes everything and passes nothing on, then passes on
    what it has held."""
    stand.proxy.silence()
    stand.sleep(20)
    stand.proxy.speak()


def _slow(millis):
    def stage(stand):
        stand.proxy.delay_secs = millis / 2e3
        stand.sleep(20)
        stand.proxy.delay_secs = 0.0
    stage.__name__ = f"broker_slow_{millis}_ms"
    stage.__doc__ = f"For 20 s every answer of the broker takes {millis} ms longer."
    return stage


for milliseconds in (200, 2000):
    fault(WITHHOLD, IN_OUTAGE, way="proxied")(_slow(milliseconds))


@fault(WITHHOLD, IN_OUTAGE, way="proxied")
def reset_storm(stand):
    """For 15 s all connections to the broker are reset ten times a second."""
    for _ in range(150):
        stand.proxy.reset_all()
        stand.sleep(0.1)
    stand.notes.append(f"{stand.proxy.resets} ends of connections reset")


@fault(WITHHOLD, way="named", needs=("namespaces",))
def name_moves(stand):
    """The name of the broker gets another address (in /etc/hosts of a mount namespace), and nobody
    listens on the old one any more. The time counts from there."""
    stand.move_name()
    stand.proxy.close()
    stand.end_fault()
    stand.sleep(30)


@fault(WITHHOLD, way="named", needs=("namespaces",))
def name_moves_silently(stand):
    """As name_moves, but connections to the old address stay open and say nothing."""
    stand.proxy.silence()
    stand.move_name()
    stand.end_fault()
    stand.sleep(30)


@fault(WITHHOLD, IN_OUTAGE, FIRST)
def gateway_killed(stand):
    """kill -9 of the gateway at random moments, 50 times in a row, each time started again at
    once. Devices send again what was not acknowledged."""
    chance = random.Random(6)
    for _ in range(KILLS):
        stand.sleep(chance.uniform(0.2, 2.0))
        stand.gateway.kill()
        stand.gateway.start()


@fault(IN_OUTAGE, FIRST)
def gateway_killed_in_outage(stand):
    """The broker is stopped; kill -9 of the gateway 8 times meanwhile, and 12 times more while what
    was spooled is replayed."""
    chance = random.Random(7)
    stand.kafka.pause(1)
    for secs in [chance.uniform(1, 10) for _ in range(8)] + [None] * 12:
        if secs is None:
            stand.kafka.resume(1)
        stand.sleep(secs or chance.uniform(0.1, 1))
        stand.gateway.kill()
        stand.gateway.start()
