"""How soon does the PUBACK come from a real Kafka, depending on `linger.ms`?"""
import load
import servers
import svg
from to_kafka import TOPIC
from trials import shown, table

NAME = "linger"
LINGERS_MS = (None, 0, 0.5, 1, 5, 10, 20)
RATES = (1_000, 10_000)


def measure(bench, round_number):
    if not bench.kafka_pids:
        return
    for linger, _ in bench.turns([(linger, None) for linger in LINGERS_MS], round_number):
        config = servers.to_kafka(TOPIC, linger)
        with servers.gateway(config, helpers=bench.kafka_pids) as server:
            for rate in RATES:
                options = ["--rate", str(rate), "--qos", "1"]
                trial = load.publish(server, bench.seconds, *options)
                bench.add(_case(rate), _name(linger), round_number, trial)


def _case(rate):
    return f"{rate:,} msg/s to a real Kafka"


def _name(linger):
    return "the gateway's own pace" if linger is None else f"linger {linger:g} ms"


def goals(_trials):
    return []


def section(trials):
    text = """## PUBACK latency and `linger.ms`

200 connections, 64 B, QoS 1, open loop, a real Kafka of one node on this machine. By default the
lane keeps a pace of its own: quiet load goes at once, busy load in blocks. The other rows set
`properties = { "linger.ms" = ... }` for the cluster.

"""
    head = ["", *(f"{what}, {rate:,}/s" for rate in RATES
                  for what in ("p50 ms", "p99 ms", "CPU us")), "marks"]
    rows = []
    for linger in LINGERS_MS:
        row, name = [_name(linger)], _name(linger)
        for rate in RATES:
            for figure, digits in (("p50_ms", 3), ("p99_ms", 3), ("cpu_us", 1)):
                row.append(shown(trials.median(_case(rate), name, figure), digits))
        marks = "".join(trials.marks(_case(rate), name) for rate in RATES)
        rows.append(row + ["".join(sorted(set(marks))) or "-"])
    return text + table(head, rows) + "\n"


def plots(trials):
    series = {}
    for rate in RATES:
        for figure in ("p50", "p99"):
            values = [trials.median(_case(rate), _name(linger), f"{figure}_ms")
                      for linger in LINGERS_MS]
            series[f"{figure} at {rate:,}/s"] = values
    labels = ["own pace"] + [f"{linger:g} ms" for linger in LINGERS_MS[1:]]
    yield "puback-linger.svg", svg.lines("PUBACK latency by linger.ms", "ms (log)", labels, series)
