"""How many messages per second reach Kafka with nothing lost?"""
import itertools

import load
import servers
from to_kafka import EMBEDDED, IN_FLIGHT, REAL, set_broker_apart
from trials import goal, percent, shown, table

NAME = "highest"
CLOSED_CASE = "as fast as acknowledged"
READ_CASE = "highest rate that is read back whole"
UNREAD_CASE = "too fast for the reader"
LADDER = (100, 50, 25, 12, 6, 3, 1)
EMBEDDED_TOPIC = "mqtt"
FAULTS = ("lost", "duplicated", "reordered")
_run_numbers = itertools.count()


def topics(rounds):
    """A topic per round, so that no reader wades through the records of other runs."""
    return [f"highest-{number}" for number in range(rounds)]


def measure(bench, round_number):
    closed_loop = ["--rate", "0", "--qos", "1", "--in-flight", str(IN_FLIGHT)]
    with servers.gateway(helpers=bench.kafka_pids) as server:
        trial = load.publish(server, bench.seconds, *closed_loop)
        set_broker_apart(trial)
        bench.add(CLOSED_CASE, EMBEDDED, round_number, trial)
    _descend(bench, round_number)
    if bench.kafka_pids:
        topic = f"highest-{round_number}"
        with servers.gateway(servers.to_kafka(topic), helpers=bench.kafka_pids) as server:
            trial = _verified(bench, server, topic, *closed_loop)
            bench.add(CLOSED_CASE, REAL, round_number, trial)


def _descend(bench, round_number):
    """Takes fewer and fewer in flight until a reader beside the run finds everything.

    The embedded Kafka keeps about 5 MiB per partition: what is not read in time is gone from it,
    and then nobody can say whether it was there.
    """
    whole = bench.trials.values(READ_CASE, EMBEDDED, "in_flight")
    first = max(LADDER.index(max(whole)) - 1, 0) if whole else 0
    for in_flight in LADDER[first:]:
        with servers.gateway(helpers=bench.kafka_pids) as server:
            options = ["--rate", "0", "--qos", "1", "--in-flight", str(in_flight)]
            trial = _verified(bench, server, EMBEDDED_TOPIC, *options)
        trial["figures"]["in_flight"] = in_flight
        if trial["figures"]["unread"] == 0:
            bench.add(READ_CASE, EMBEDDED, round_number, trial)
            return
        bench.add(UNREAD_CASE, EMBEDDED, round_number, trial)


def _verified(bench, server, topic, *options):
    """A run into Kafka, and what a reader of Kafka found of it."""
    run = f"bench{next(_run_numbers)}"
    ledger = servers.FOLDER / f"{run}.ledger"
    kafka = server.kafka or f"127.0.0.1:{servers.KAFKA_PORT}"
    follower = None
    if server.kafka:
        follower = load.follow(kafka, topic, run, ledger)
        server.helpers.append(follower.pid)
    try:
        trial = load.publish(server, bench.seconds, *options, run=run, ledger=ledger)
        set_broker_apart(trial)
        trial["figures"].update(load.verdict(kafka, topic, run, ledger, follower))
    finally:
        if follower and follower.poll() is None:
            load.let_go(follower)
        ledger.unlink(missing_ok=True)
    return trial


ROWS = (
    (CLOSED_CASE, EMBEDDED),
    (UNREAD_CASE, EMBEDDED),
    (READ_CASE, EMBEDDED),
    (CLOSED_CASE, REAL),
)


def goals(trials):
    rows = []
    for server, cases in ((EMBEDDED, (READ_CASE, UNREAD_CASE)), (REAL, (CLOSED_CASE,))):
        faults = [trials.values(case, server, name) for case in cases for name in FAULTS]
        found = sum(map(sum, faults)) if any(faults) else None
        name = f"highest rate: lost, duplicated or out of order, {server}"
        rows.append(goal(name, 0, found, 0))
    return rows


def section(trials):
    text = f"""## The highest rate to Kafka

QoS 1, 200 connections in a closed loop, {IN_FLIGHT} in flight each. A reader compares Kafka
with the ledger of what was acknowledged: for the real Kafka after the run. The embedded one forgets
what is older than about 5 MiB per partition, so that its reader has to keep up beside the run and
takes cores from it: there the messages in flight per connection go down from {LADDER[0]} until the
reader finds everything. "Unread" is what fell out before it was read: no loss of the gateway, but
nothing is claimed about it. Counts are sums over all trials.

"""
    head = ["", "in flight", "acked msg/s", "lowest to highest", "acknowledged", "read back",
            "unread", "lost", "duplicated", "out of order", "CPU us", "p50 ms", "p99 ms",
            "client's core", "marks"]
    return text + table(head, [_row(trials, case, server) for case, server in ROWS]) + "\n"


def _row(trials, case, server):
    def median(figure):
        return trials.median(case, server, figure)

    def total(figure):
        values = trials.values(case, server, figure)
        return f"{sum(values):,.0f}" if values else "-"
    rates = trials.values(case, server, "acknowledged_per_sec")
    return [
        f"{server}, {case}",
        _spread(trials.values(case, server, "in_flight") or [IN_FLIGHT]),
        shown(median("acknowledged_per_sec"), 0),
        _spread(rates),
        *(total(figure) for figure in ("acknowledged", "found", "unread") + FAULTS),
        shown(median("gateway_us"), 3),
        shown(median("p50_ms")),
        shown(median("p99_ms")),
        percent(median("client_busiest_thread")),
        trials.marks(case, server) or "-",
    ]


def _spread(values):
    ends = sorted({f"{end:,.0f}" for end in (min(values), max(values))}) if values else ["-"]
    return ends[0] if len(ends) == 1 else f"{min(values):,.0f} to {max(values):,.0f}"


def plots(_trials):
    return ()
