"""What does a message cost on its way to Kafka, and how many per second arrive with none lost?"""
import itertools

import load
import servers
import svg
from trials import goal, shown, table

NAME = "to_kafka"
OFFERED = 100_000
OFFERED_CASE = "100,000 msg/s offered"
HIGHEST_CASE = "as fast as acknowledged"
IN_FLIGHT = 100
RATIO_GOAL = 2.0
EMBEDDED = "tributary to the embedded Kafka"
REAL = "tributary to a real Kafka"
REAL_ONE_SHARD = "tributary, 1 shard, to a real Kafka"
# An offered rate counts as reached when this share of it was acknowledged while it lasted.
REACHED_SHARE = 0.98
EMBEDDED_TOPIC = "mqtt"
# Threads of the gateway's process that are the embedded broker, a stand-in for another machine.
BROKER_THREADS = ("rdk:mock",)
_run_numbers = itertools.count()


def topics(rounds):
    """A topic per round for what is read back, so that no reader wades through other runs."""
    return ["bench"] + [f"highest-{number}" for number in range(rounds)]


def measure(bench, round_number):
    offered = ["--rate", str(OFFERED), "--qos", "1", "--in-flight", str(IN_FLIGHT)]
    for name, start in bench.turns(_contenders(bench, "bench"), round_number):
        with start() as server:
            trial = load.publish(server, bench.seconds, *offered)
            _set_broker_apart(trial)
            bench.add(OFFERED_CASE, name, round_number, trial)
    contenders = [(EMBEDDED, lambda: servers.gateway(helpers=bench.kafka_pids))]
    if bench.kafka_pids:
        config = servers.to_kafka(f"highest-{round_number}")
        contenders.append((REAL, lambda: servers.gateway(config, helpers=bench.kafka_pids)))
    for name, start in bench.turns(contenders, round_number):
        with start() as server:
            trial = _highest(bench, server, f"highest-{round_number}")
            bench.add(HIGHEST_CASE, name, round_number, trial)


def _contenders(bench, topic):
    contenders = [
        ("floor", servers.floor),
        (EMBEDDED, servers.gateway),
    ]
    if bench.kafka_pids:
        config, helpers = servers.to_kafka(topic), bench.kafka_pids
        contenders += [
            (REAL, lambda: servers.gateway(config, helpers=helpers)),
            (REAL_ONE_SHARD, lambda: servers.gateway(config, shards=1, helpers=helpers)),
        ]
    return contenders


def _highest(bench, server, topic):
    """A closed loop into Kafka, and what a reader of Kafka found of it."""
    run = f"bench{next(_run_numbers)}"
    ledger = servers.FOLDER / f"{run}.ledger"
    kafka = server.kafka or f"127.0.0.1:{servers.KAFKA_PORT}"
    follower = None
    if server.kafka:
        # It keeps about 5 MiB per partition, so that the reader has to read along.
        topic = EMBEDDED_TOPIC
        follower = load.follow(kafka, topic, run, ledger)
        server.helpers.append(follower.pid)
    options = ["--rate", "0", "--qos", "1", "--in-flight", str(IN_FLIGHT)]
    trial = load.publish(server, bench.seconds, *options, run=run, ledger=ledger)
    _set_broker_apart(trial)
    trial["figures"].update(load.verdict(kafka, topic, run, ledger, follower))
    ledger.unlink()
    return trial


def _set_broker_apart(trial):
    """The embedded broker's threads are in the gateway's process; their CPU is not its work."""
    by_thread, sent = trial["server_cpu_secs_by_thread"], trial["loadgen"]["counts"]["sent"]
    broker = sum(s for name, s in by_thread.items() if name.startswith(BROKER_THREADS))
    lane = sum(s for name, s in by_thread.items() if name.startswith("rdk:")) - broker
    trial["figures"]["broker_us"] = broker * 1e6 / sent
    trial["figures"]["librdkafka_us"] = lane * 1e6 / sent
    trial["figures"]["gateway_us"] = trial["figures"]["cpu_us"] - broker * 1e6 / sent


SERVERS = ["floor", EMBEDDED, REAL, REAL_ONE_SHARD]


def goals(trials):
    rows = []
    for server in (EMBEDDED, REAL, REAL_ONE_SHARD):
        over = trials.median(OFFERED_CASE, server, "gateway_us")
        under = trials.median(OFFERED_CASE, "floor", "cpu_us")
        ratio = over / under if over is not None and under else None
        marks = trials.marks(OFFERED_CASE, server)
        name = f"{OFFERED_CASE}: CPU against the floor, {server}"
        rows.append(goal(name, RATIO_GOAL, ratio, 2, "x", marks))
    for server in (EMBEDDED, REAL):
        faults = [trials.values(HIGHEST_CASE, server, name)
                  for name in ("lost", "duplicated", "reordered")]
        found = sum(map(sum, faults)) if any(faults) else None
        name = f"{HIGHEST_CASE}: lost, duplicated, out of order, {server}"
        rows.append(goal(name, 0, found, 0))
    return rows


def section(trials):
    text = f"""## A message to Kafka

200 connections, 64 B, QoS 1, at most {IN_FLIGHT} in flight each; PUBACK after Kafka's
acknowledgement (`acks=all`, idempotent), {servers.PARTITIONS} partitions on the real Kafka.
CPU is the gateway's process per message; the embedded broker, whose threads live in that process,
is in a column of its own and not in the ratio. librdkafka's share is inside the gateway's.
Gateway, load generator and Kafka share the cores of one machine.

**{OFFERED_CASE}.**

"""
    head = ["", "CPU us", "to the floor", "librdkafka us", "embedded broker us", "acked msg/s",
            "rate reached", "p50 ms", "p99 ms", "client's core", "marks"]
    text += table(head, [_offered_row(trials, name) for name in SERVERS]) + "\n"
    text += f"""**{HIGHEST_CASE}.** A closed loop with {IN_FLIGHT} in flight per connection. A
reader compares Kafka with the ledger of what was acknowledged: beside the run for the embedded
Kafka, which forgets soon, and so at its cost; after the run for the real one.

"""
    head = ["", "acked msg/s", "lowest to highest", "acknowledged", "lost", "duplicated",
            "out of order", "CPU us", "p50 ms", "p99 ms", "client's core", "marks"]
    text += table(head, [_highest_row(trials, name) for name in (EMBEDDED, REAL)]) + "\n"
    return text


def _offered_row(trials, server):
    def median(figure):
        return trials.median(OFFERED_CASE, server, figure)
    is_floor = server == "floor"
    cpu, base = median("cpu_us" if is_floor else "gateway_us"), trials.median(
        OFFERED_CASE, "floor", "cpu_us")
    acked = median("acknowledged_per_sec")
    reached = acked is not None and acked >= OFFERED * REACHED_SHARE
    return [
        server,
        shown(cpu, 3),
        shown(cpu / base if cpu and base else None) + "x",
        shown(median("librdkafka_us"), 3),
        shown(median("broker_us"), 3),
        shown(acked, 0),
        "yes" if reached else "**no**",
        shown(median("p50_ms"), 3),
        shown(median("p99_ms"), 3),
        _percent(median("client_busiest_thread")),
        trials.marks(OFFERED_CASE, server) or "-",
    ]


def _highest_row(trials, server):
    def median(figure):
        return trials.median(HIGHEST_CASE, server, figure)

    def total(figure):
        return f"{sum(trials.values(HIGHEST_CASE, server, figure)):,.0f}"
    rates = trials.values(HIGHEST_CASE, server, "acknowledged_per_sec")
    return [
        server,
        shown(median("acknowledged_per_sec"), 0),
        f"{min(rates):,.0f} to {max(rates):,.0f}" if rates else "-",
        *(total(figure) for figure in ("acknowledged", "lost", "duplicated", "reordered")),
        shown(median("gateway_us"), 3),
        shown(median("p50_ms")),
        shown(median("p99_ms")),
        _percent(median("client_busiest_thread")),
        trials.marks(HIGHEST_CASE, server) or "-",
    ]


def _percent(share):
    return "-" if share is None else f"{share:.0%}"


def plots(trials):
    parts = {
        "shards and the rest": [_part(trials, name, False) for name in SERVERS],
        "librdkafka": [_part(trials, name, True) for name in SERVERS],
    }
    yield "cpu-kafka.svg", svg.bars(
        f"CPU of the server per message, {OFFERED_CASE}", "us (log)", SERVERS, parts
    )


def _part(trials, server, is_lane):
    lane = trials.median(OFFERED_CASE, server, "librdkafka_us")
    if is_lane:
        return lane
    whole = trials.median(OFFERED_CASE, server, "gateway_us")
    return whole - lane if whole is not None else trials.median(OFFERED_CASE, server, "cpu_us")
