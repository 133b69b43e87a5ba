"""What does a message cost the server when nobody is behind it, and how soon comes the PUBACK?"""
import load
import servers
import svg
from trials import goal, percent, shown, table

NAME = "null_route"
ONE_SHARD = "tributary, 1 shard"
PER_CORE = "tributary, a shard per core"
CASES = {
    "QoS 1, 1 in flight": ["--rate", "0", "--qos", "1", "--in-flight", "1"],
    "QoS 1, 10 in flight": ["--rate", "0", "--qos", "1", "--in-flight", "10"],
    "QoS 0, 32 to a write": ["--rate", "0", "--qos", "0", "--coalesce", "32"],
    "QoS 1, 10,000 msg/s": ["--rate", "10000", "--qos", "1"],
    "QoS 1, 1,000 msg/s": ["--rate", "1000", "--qos", "1"],
}
CLOSED_LOOPS = list(CASES)[:3]
OPEN_LOOP, QUIET_LOOP = list(CASES)[3:]
# CPU seconds per million messages: what the best others need on this class of machine, the goal.
OTHERS = {
    CLOSED_LOOPS[0]: ("FlashMQ 8.7, mosquitto 9.5", 5.0),
    CLOSED_LOOPS[1]: ("FlashMQ 1.25, ntex 1.69, rumqttd 2.65, mosquitto 9.6", 1.0),
    CLOSED_LOOPS[2]: ("FlashMQ 0.39, HiveMQ 0.71, mosquitto 2.7", 0.25),
}
RATIO_GOAL = 1.5
PUBACK_P99_GOAL_MS = 0.18


def measure(bench, round_number):
    for case, options in CASES.items():
        for name, start in bench.turns(_contenders(), round_number):
            with start() as server:
                bench.add(case, name, round_number, load.publish(server, bench.seconds, *options))


def _contenders():
    contenders = [
        ("floor", servers.floor),
        (ONE_SHARD, lambda: servers.gateway(servers.NULL_ROUTE, shards=1)),
        (PER_CORE, lambda: servers.gateway(servers.NULL_ROUTE)),
    ]
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    return contenders


def names():
    return [name for name, _ in _contenders()]


def goals(trials):
    rows = []
    for case in CLOSED_LOOPS:
        for server in (ONE_SHARD, PER_CORE):
            marks = trials.marks(case, server)
            ratio = trials.ratio(case, server, "floor")
            rows.append(goal(f"{case}: CPU against the floor, {server}", RATIO_GOAL, ratio, 2,
                             "x", marks))
            wanted = OTHERS[case][1]
            cpu = trials.median(case, server, "cpu_us")
            rows.append(goal(f"{case}: CPU s per million, {server}", wanted, cpu, 2, "", marks))
    for server in (ONE_SHARD, PER_CORE):
        p99 = trials.median(OPEN_LOOP, server, "p99_ms")
        marks = trials.marks(OPEN_LOOP, server)
        rows.append(goal(f"{OPEN_LOOP}: PUBACK p99, {server}", PUBACK_P99_GOAL_MS, p99, 3, " ms",
                         marks))
    return rows


def section(trials):
    text = """## A message to nowhere

200 connections, 64 B payloads, the null route (`topic = ""`): acknowledged at once, kept nowhere.
CPU is the server's own, user and kernel, in microseconds per message, which is CPU seconds per
million. The floor is one epoll thread that reads PUBLISH and writes PUBACK; whoever speaks MQTT
through this kernel by plain reads and writes pays that much. Wake-ups are the server's voluntary
context switches per message: with few messages per wake-up, sleeping and waking is most of the
cost. At QoS 0 the CPU counts until the server has read everything.

"""
    head = ["", "CPU us", "to the floor", "lowest to highest", "msg/s", "wake-ups per msg",
            "p50 ms", "p99 ms", "client's core", "marks"]
    remarks = {case: f"CPU s per million that others need on this class of machine: {others}."
               for case, (others, _) in OTHERS.items()}
    remarks[OPEN_LOOP] = "Open loop, latency from the intended time. FlashMQ p99: 0.18 ms."
    remarks[QUIET_LOOP] = "Open loop: here every message is a wake-up of its own."
    for case in CASES:
        text += f"**{case}.** {remarks[case]}\n\n"
        text += table(head, [_row(trials, case, name) for name in names()]) + "\n"
    return text


def _row(trials, case, server):
    def median(figure):
        return trials.median(case, server, figure)
    values = trials.values(case, server, "cpu_us")
    return [
        server,
        shown(median("cpu_us"), 3),
        shown(trials.ratio(case, server, "floor")) + "x",
        f"{shown(min(values), 3)} to {shown(max(values), 3)}" if values else "-",
        shown(median("sent_per_sec"), 0),
        shown(median("switches"), 3),
        shown(median("p50_ms"), 3),
        shown(median("p99_ms"), 3),
        percent(median("client_busiest_thread")),
        trials.marks(case, server) or "-",
    ]


def plots(trials):
    series = {name: [trials.median(case, name, "cpu_us") for case in CASES] for name in names()}
    yield "cpu-null-route.svg", svg.bars(
        "CPU of the server per message, null route", "us (log)", list(CASES), series
    )
