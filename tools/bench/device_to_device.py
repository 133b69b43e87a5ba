"""What does a message from one device to another cost the server, on one shard and across two?"""
import load
import servers
import svg
from trials import goal, percent, shown, table

NAME = "device_to_device"
PAIRS = 200
ONE_SHARD = "tributary, 1 shard"
TWO_SHARDS = "tributary, 2 shards"
SERVERS = {
    ONE_SHARD: lambda: servers.gateway(servers.NULL_ROUTE, shards=1),
    TWO_SHARDS: lambda: servers.gateway(servers.NULL_ROUTE, shards=2),
}
CASES = {
    "1:1, QoS 1, 1 in flight": ["--rate", "0", "--qos", "1", "--in-flight", "1"],
    "1:1, QoS 1, 10 in flight": ["--rate", "0", "--qos", "1", "--in-flight", "10"],
    "1:1, QoS 0, 10 in flight": ["--rate", "0", "--qos", "0", "--in-flight", "10"],
    "1:1, QoS 2, 10 in flight": ["--rate", "0", "--qos", "2", "--in-flight", "10"],
    "1:1, QoS 1, 10,000 msg/s": ["--rate", "10000", "--qos", "1"],
}


def measure(bench, round_number):
    for case, options in CASES.items():
        for name, start in bench.turns(_contenders(), round_number):
            with start() as server:
                before = _forwarded(server)
                trial = load.deliver(server, bench.seconds, "--topics", str(PAIRS), *options)
                sent = trial["loadgen"]["counts"]["sent"]
                if before is not None:
                    trial["figures"]["forwarded"] = (_forwarded(server) - before) / sent
                bench.add(case, name, round_number, trial)


def _forwarded(server):
    """Notes from shard to shard so far; `None` of a server that has no such thing."""
    return server.metrics().get("tributary_forwarded_total") if server.control else None


def _contenders():
    contenders = list(SERVERS.items())
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    return contenders


def names():
    return [name for name, _ in _contenders()]


def goals(trials):
    faults = [fault for case in CASES for name in SERVERS
              for fault in trials.values(case, name, "faults")]
    total = sum(faults) if faults else None
    return [goal("device to device: lost, duplicated, out of order or changed", 0, total, 0)]


def section(trials):
    text = f"""## From device to device

{PAIRS} pairs: each publisher has a topic that one subscriber subscribes to (`dev/{{client id}}/cmd`),
64 B. Latency is from the intended time of the PUBLISH to its arrival. CPU is the server's per
message: reading PUBLISH, writing PUBACK, writing PUBLISH, reading PUBACK at QoS 1. On two shards a
client lives where its id says, so that half of the pairs have their two ends on different shards;
*forwarded* is how many notes went from shard to shard per message.

"""
    head = ["", "server", "CPU us", "to mosquitto", "msg/s", "forwarded", "wake-ups per msg",
            "p50 ms", "p99 ms", "client's core", "marks"]
    rows = [_row(trials, case, name) for case in CASES for name in names()]
    return text + table(head, rows) + "\n"


def _row(trials, case, name):
    def median(figure):
        return trials.median(case, name, figure)
    return [
        case,
        name,
        shown(median("cpu_us"), 3),
        shown(trials.ratio(case, name, "mosquitto")) + "x",
        shown(median("delivered_per_sec"), 0),
        shown(median("forwarded")),
        shown(median("switches"), 3),
        shown(median("p50_ms"), 3),
        shown(median("p99_ms"), 3),
        percent(median("client_busiest_thread")),
        trials.marks(case, name) or "-",
    ]


def plots(trials):
    series = {name: [trials.median(case, name, "cpu_us") for case in CASES] for name in names()}
    labels = [case.removeprefix("1:1, ") for case in CASES]
    yield "cpu-device-to-device.svg", svg.bars(
        "CPU of the server per message, device to device", "us (log)", labels, series
    )
