"""What does a delivery cost when one message goes to 1, 10, ... 10,000 subscribers?"""
import load
import servers
import svg
from trials import goal, percent, shown, table

NAME = "fan_out"
ONE_SHARD = "tributary, 1 shard"
PER_CORE = "tributary, a shard per core"
SIZES = (1, 10, 100, 1_000, 10_000)
QUALITIES = (0, 1)
# As many subscribers in all, spread over topics: only the fan-out differs.
SUBSCRIBERS = 1_000
# Messages of a topic under way at a time: few where each is many deliveries.
UNDER_WAY = {1: 10, 10: 10}
UNDER_WAY_OF_MANY = 4


def measure(bench, round_number):
    for qos in QUALITIES:
        for size in SIZES:
            topics = max(1, SUBSCRIBERS // size)
            options = ["--topics", str(topics), "--subscribers", str(size), "--qos", str(qos)]
            under_way = UNDER_WAY.get(size, UNDER_WAY_OF_MANY)
            options += ["--rate", "0", "--in-flight", str(under_way)]
            for name, start in bench.turns(_contenders(), round_number):
                with start() as server:
                    trial = load.deliver(server, bench.seconds, *options)
                    bench.add(_case(size, qos), name, round_number, trial)


def _case(size, qos):
    return f"1 to {size:,}, QoS {qos}"


def _contenders():
    contenders = [
        (ONE_SHARD, lambda: servers.gateway(servers.NULL_ROUTE, shards=1)),
        (PER_CORE, lambda: servers.gateway(servers.NULL_ROUTE)),
    ]
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    return contenders


def names():
    return [name for name, _ in _contenders()]


def goals(trials):
    faults = [fault for qos in QUALITIES for size in SIZES for name in (ONE_SHARD, PER_CORE)
              for fault in trials.values(_case(size, qos), name, "faults")]
    total = sum(faults) if faults else None
    return [goal("fan-out: lost, duplicated, out of order or changed", 0, total, 0)]


def section(trials):
    text = f"""## Fan-out

{SUBSCRIBERS:,} subscribers over as many topics as it takes (10,000 of one topic in the last case),
64 B, a closed loop: the next message of a topic leaves when all its subscribers have an earlier
one. CPU is the server's, user and kernel, per delivery, the share of the PUBLISH that it came from
included; *deliveries per core* is how many of them one second of that CPU makes. Each is checked
byte for byte. The load generator reads (and at QoS 1 answers) every delivery in one thread: where
that is the bottleneck, the rate is its own.

"""
    head = ["", "server", "CPU us per delivery", "to mosquitto", "deliveries per core",
            "delivered/s", "wake-ups per delivery", "faults", "client's core", "marks"]
    rows = [_row(trials, _case(size, qos), name)
            for qos in QUALITIES for size in SIZES for name in names()]
    return text + table(head, rows) + "\n"


def _row(trials, case, name):
    def median(figure):
        return trials.median(case, name, figure)
    faults = trials.values(case, name, "faults")
    return [
        case,
        name,
        shown(median("cpu_us"), 3),
        shown(trials.ratio(case, name, "mosquitto")) + "x",
        shown(median("per_cpu_sec"), 0),
        shown(median("delivered_per_sec"), 0),
        shown(median("switches"), 4),
        shown(sum(faults), 0) if faults else "-",
        percent(median("client_busiest_thread")),
        trials.marks(case, name) or "-",
    ]


def plots(trials):
    series = {f"{name}, QoS {qos}": [trials.median(_case(size, qos), name, "cpu_us")
                                     for size in SIZES]
              for qos in QUALITIES for name in names()}
    labels = [f"1 to {size:,}" for size in SIZES]
    yield "cpu-fan-out.svg", svg.lines(
        "CPU of the server per delivery", "us (log)", labels, series
    )
