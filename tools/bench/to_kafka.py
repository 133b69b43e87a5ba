"""What does a message cost the gateway on its way to Kafka?"""
import load
import servers
import svg
from trials import goal, percent, shown, table

NAME = "to_kafka"
OFFERED = 100_000
OFFERED_CASE = "100,000 msg/s offered"
IN_FLIGHT = 100
TOPIC = "bench"
RATIO_GOAL = 2.0
EMBEDDED = "tributary to the embedded Kafka"
REAL = "tributary to a real Kafka"
REAL_ONE_SHARD = "tributary, 1 shard, real Kafka"
# An offered rate counts as reached when this share of it was acknowledged; the rest is the wait
# for the last acknowledgements, which counts as time.
REACHED_SHARE = 0.95
# Threads of the gateway's process that are the embedded broker, a stand-in for another machine.
BROKER_THREADS = ("rdk:mock",)


def measure(bench, round_number):
    offered = ["--rate", str(OFFERED), "--qos", "1", "--in-flight", str(IN_FLIGHT)]
    for name, start in bench.turns(_contenders(bench), round_number):
        with start() as server:
            trial = load.publish(server, bench.seconds, *offered)
            set_broker_apart(trial)
            bench.add(OFFERED_CASE, name, round_number, trial)


def _contenders(bench):
    contenders = [
        ("floor", servers.floor),
        (EMBEDDED, servers.gateway),
    ]
    if bench.kafka_pids:
        config, helpers = servers.to_kafka(TOPIC), bench.kafka_pids
        contenders += [
            (REAL, lambda: servers.gateway(config, helpers=helpers)),
            (REAL_ONE_SHARD, lambda: servers.gateway(config, shards=1, helpers=helpers)),
        ]
    return contenders


def set_broker_apart(trial):
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
        percent(median("client_busiest_thread")),
        trials.marks(OFFERED_CASE, server) or "-",
    ]


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
