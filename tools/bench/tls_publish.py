"""What does TLS add to a message?"""
import load
import svg
import ways
from trials import percent, shown, table

NAME = "tls_publish"
CASES = {
    "QoS 1, 1 in flight": (load.CLIENTS, ["--rate", "0", "--in-flight", "1"]),
    "QoS 1, 10 in flight": (load.CLIENTS, ["--rate", "0", "--in-flight", "10"]),
    "QoS 1, 10,000 msg/s": (load.CLIENTS, ["--rate", "10000"]),
    # Each speaks once per second: nobody's keys are in any cache.
    "QoS 1, 10,000 msg/s from 10,000 clients": (10_000, ["--rate", "10000"]),
}


def measure(bench, round_number):
    for case, (clients, options) in CASES.items():
        for way in bench.turns(_ways(), round_number):
            with way.start() as server:
                options_of_way = ["--qos", "1", *options, *way.flags]
                trial = load.publish(server, bench.seconds, *options_of_way, clients=clients)
                bench.add(case, way.name, round_number, trial)


def _ways():
    return [ways.plain(), ways.lean(), ways.rustls(), *ways.mosquitto()]


def goals(_trials):
    return []


def section(trials):
    text = f"""## A message within TLS

64 B payloads to the null route, {load.CLIENTS} clients where nothing else stands. CPU is the
server's own per message: a PUBLISH opened and a PUBACK sealed. *Beside plain* is against the same
server without TLS.

"""
    head = ["", "CPU us", "beside plain", "to plain", "msg/s", "p50 ms", "p99 ms",
            "client's core", "marks"]
    for case in CASES:
        text += f"**{case}.**\n\n"
        text += table(head, [_row(trials, case, way.name) for way in _ways()]) + "\n"
    return text


def _row(trials, case, name):
    base = ways.MOSQUITTO if name.startswith(ways.MOSQUITTO) else ways.PLAIN

    def median(figure, way=name):
        return trials.median(case, way, figure)
    ours, plain = median("cpu_us"), median("cpu_us", base)
    return [
        name,
        shown(ours, 3),
        shown(ours - plain if ours is not None and plain is not None else None, 3),
        shown(trials.ratio(case, name, base)) + "x",
        shown(median("sent_per_sec"), 0),
        shown(median("p50_ms"), 3),
        shown(median("p99_ms"), 3),
        percent(median("client_busiest_thread")),
        trials.marks(case, name) or "-",
    ]


def plots(trials):
    series = {way.name: [trials.median(case, way.name, "cpu_us") for case in CASES]
              for way in _ways()}
    yield "cpu-tls-publish.svg", svg.bars(
        "CPU of the server per message", "us (log)", list(CASES), series
    )
