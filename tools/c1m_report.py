"""Writes what `make c1m` found: README.md, report.json and the plots."""
import json

import c1m_svg
import svg

# The goals of the project, each at one million clients.
USER_BYTES_GOAL = 128
SUBSCRIBED_BYTES_GOAL = 192
IDLE_PERCENT_GOAL = 1
PINGED_PERCENT_GOAL = 30
# A million clients at 60 s, which that goal is for.
PINGED_PER_SEC = 16_667
FLOOR_RATIO_GOAL = 1.2
CONNECT_US_GOAL = 20
RETURN_SECS_GOAL_PER_MILLION = 30
STORMS = {"storm-floor": "the floor, by reset", "storm-reset": "by reset", "storm-fin": "by FIN",
          "storm-kill": "kill -9 of the gateway"}


def write(folder, facts, runs):
    folder.mkdir(parents=True, exist_ok=True)
    figures = _figures(facts, runs)
    raw = {"facts": facts, "figures": figures, "runs": runs}
    (folder / "report.json").write_text(json.dumps(raw, indent=1) + "\n")
    plots = dict(_plots(figures, runs))
    for name, drawing in plots.items():
        (folder / name).write_text(drawing)
    (folder / "README.md").write_text(_readme(facts, figures, plots))
    return figures


def missed(figures):
    """The goals that are counts or bytes and were missed: those hold on any machine."""
    bounds = {"idle": USER_BYTES_GOAL, "subscribed": SUBSCRIBED_BYTES_GOAL}
    for name, bound in bounds.items():
        found = figures.get(name, {}).get("user_bytes")
        if found is not None and found > bound:
            yield f"{name}: {found:.0f} user bytes per client, at most {bound}"
    subscribed = figures.get("subscribed")
    if subscribed and subscribed["subscriptions"] != subscribed["clients"]:
        yield f"{subscribed['subscriptions']:,} of {subscribed['clients']:,} were subscribed"
    for name in STORMS:
        if figures.get(name, {}).get("missing"):
            yield f"{name}: {figures[name]['missing']:,} clients did not come back"


def _figures(facts, runs):
    figures = {}
    for name in ("idle", "subscribed"):
        if name in runs:
            figures[name] = _memory(runs[name])
    for name in ("pinged-floor", "pinged"):
        if name in runs:
            figures[name] = _pinged(facts, runs[name])
    for name in STORMS:
        if name in runs:
            figures[name] = _storm(facts, name, runs[name])
    if "churn" in runs:
        figures["churn"] = _churn(runs["churn"])
    if "stateless" in runs:
        figures["stateless"] = _stateless(facts, runs["stateless"])
    return figures


def _stateless(facts, run):
    """Bytes from none to all: the server's half, and no more, is in the kernel here."""
    empty, whole, held = run["looks"]
    gone = run["after"][max(run["after"], key=int)]
    counts, connect = run["report"]["counts"], _phase(run, "connect")
    return {
        "connected": run["connected"],
        "missing": facts["connections"] - run["connected"],
        "refused": counts["connects_refused"],
        "connect_secs": connect["secs"],
        "connect_us": connect["server"]["cpu_secs"] * 1e6 / max(run["connected"], 1),
        **{name: (whole[name] - empty[name]) / max(run["connected"], 1)
           for name in ("user_bytes", "resident_bytes", "slab_bytes")},
        "percent_of_a_core": (held["cpu_secs"] - whole["cpu_secs"]) / (held["at"] - whole["at"])
        * 100,
        "loadgen_bytes": run["loadgen_bytes_per_client"],
        "left_user_bytes": _left(empty, gone, "user_bytes"),
        "left_slab_bytes": _left(empty, gone, "slab_bytes"),
    }


def _churn(run):
    """What grew, by least squares over the looks from the first minute of churn to its last: in
    that one all may be leaving already."""
    counts = run["report"]["counts"]
    hold = _phase(run, "hold")
    begin = run["looks"][1]["at"]
    held = [look for look in run["looks"] if begin + 60 < look["at"] < begin + hold["secs"] - 60]
    return {
        "secs": hold["secs"],
        "replaced": counts["reconnects"],
        "wrong_takeovers": counts["wrong_takeovers"],
        "held": counts["held"],
        "refused": counts["connects_refused"],
        **{name + "_per_min": _slope(held, name) * 60
           for name in ("user_bytes", "resident_bytes", "slab_bytes")},
        "left_user_bytes": _left(run["looks"][0], run["after"][max(run["after"], key=int)],
                                 "user_bytes"),
    }


def _slope(looks, name):
    mean_x = sum(look["at"] for look in looks) / len(looks)
    mean_y = sum(look[name] for look in looks) / len(looks)
    above = sum((look["at"] - mean_x) * (look[name] - mean_y) for look in looks)
    below = sum((look["at"] - mean_x) ** 2 for look in looks)
    return above / below


def _memory(run):
    empty, half, whole, held = run["looks"]
    secs = held["at"] - whole["at"]

    def slope(name):
        if whole[name] is None:
            return None
        return (whole[name] - half[name]) / run["half"]
    clients = 2 * run["half"]
    granted = sum(report["counts"]["subscriptions_granted"] for report in run["reports"])
    gone = run["after"][max(run["after"], key=int)]
    return {
        "clients": clients,
        "user_bytes": slope("user_bytes"),
        "resident_bytes": slope("resident_bytes"),
        "slab_bytes_per_pair": (whole["slab_bytes"] - empty["slab_bytes"]) / clients,
        "percent_of_a_core": (held["cpu_secs"] - whole["cpu_secs"]) / secs * 100,
        "subscriptions": granted,
        "loadgen_bytes": run["loadgen_bytes_per_client"],
        "left_user_bytes": _left(empty, gone, "user_bytes"),
        "left_resident_bytes": _left(empty, gone, "resident_bytes"),
        "left_slab_bytes": _left(empty, gone, "slab_bytes"),
    }


def _left(before, after, name):
    return None if after[name] is None else after[name] - before[name]


def _phase(run, name):
    return next((p for p in run["report"]["counts"]["phases"] if p["name"] == name), None)


def _pinged(facts, run):
    connect, hold = _phase(run, "connect"), _phase(run, "hold")
    begin, end = hold["begin_secs"], hold["begin_secs"] + hold["secs"]
    seconds = run["report"]["seconds"]
    pings = sum(one.get("pings", 0) for one in seconds if begin <= one["second"] < end)
    us = hold["server"]["cpu_secs"] * 1e6 / max(pings, 1)
    a_second = hold["connected_after"] / int(_option(run, "--keepalive"))
    return {
        "pings_per_sec": pings / hold["secs"],
        "us_per_ping": us,
        "percent_of_a_core": us * a_second / 1e4,
        "ping_ms": run["report"]["latency_ms"].get("ping"),
        "slab_bytes_per_pair": (hold["slab_bytes_before"] - connect["slab_bytes_before"])
        / max(hold["connected_after"], 1),
        "connect_us": connect["server"]["cpu_secs"] * 1e6 / facts["connections"],
        "ended": run["report"]["counts"]["connections_ended"],
    }


def _option(run, name):
    words = run["report"]["command"].split()
    return words[words.index(name) + 1]


def _storm(facts, name, run):
    report = run["report"]
    counts = report["counts"]
    figures = {
        "missing": facts["connections"] - counts["held"],
        "refused": counts["connects_refused"],
        "ends": report["ends"],
        "client_busiest_thread": report["client"]["busiest_thread"],
    }
    if name == "storm-kill":
        return {**figures, **_killed(facts, run)}
    drop, back, up = (_phase(run, phase) for phase in ("drop", "return", "up"))
    gone = run["after"][max(run["after"], key=int)]
    return {
        **figures,
        "drop_secs": drop["secs"],
        "return_secs": back["secs"],
        "connect_ms": back["connect_ms"],
        "connect_us": back["server"]["cpu_secs"] * 1e6 / max(back["connected_after"], 1),
        "resident_bytes_after": up["server"]["resident_bytes_after"],
        "left_user_bytes": _left(run["before"], gone, "user_bytes"),
        "left_slab_bytes": _left(run["before"], gone, "slab_bytes"),
        "published": counts["sent"],
        "acknowledged": counts["acknowledged"],
    }


def _killed(facts, run):
    """The curve says when all were back: its seconds count from the load generator's start."""
    killed = run["killed"] - run["began"]
    curve = run["report"]["counts"]["curve"]
    down = next((x for x, y in curve if x >= killed and y < facts["connections"]), killed)
    back = next((x for x, y in curve if x > down and y >= facts["connections"]), None)
    return {
        "dead_secs": run["listening_again"] - run["killed"],
        "return_secs": back - killed if back else None,
        "user_bytes_after": run["end"]["user_bytes"],
    }


def _plots(figures, runs):
    with_curves = [name for name in STORMS if name in runs]
    if with_curves:
        yield "connections.svg", c1m_svg.curves(
            "Connected clients", "storms", {STORMS[name]: runs[name]["report"]["counts"]["curve"]
                                            for name in with_curves})
        latencies = [name for name in with_curves if figures[name].get("connect_ms")]
        if latencies:
            yield "connect-latency.svg", svg.bars(
                "Connect latency in the storm", "ms (log)", [STORMS[name] for name in latencies],
                {key: [figures[name]["connect_ms"][key] for name in latencies]
                 for key in ("p50", "p99", "max")})
    held = [name for name in ("idle", "subscribed") if name in figures]
    if held:
        parts = {"user": "user_bytes", "resident": "resident_bytes",
                 "kernel, both ends": "slab_bytes_per_pair"}
        yield "bytes-per-connection.svg", svg.bars(
            "Bytes per connection", "B (log)", held,
            {part: [figures[name][key] for name in held] for part, key in parts.items()})
    cpu = [name for name in ("pinged-floor", "pinged") if name in figures]
    if cpu:
        yield "cpu.svg", svg.bars("CPU per ping answered", "us (log)", cpu,
                                  {"server": [figures[name]["us_per_ping"] for name in cpu]})


def _readme(facts, figures, plots):
    count = f"{facts['connections']:,}"
    host = facts["host"]
    text = [
        f"# {facts['date']}: {count} connections\n",
        f"The question: what do {count} MQTT clients cost one gateway on one machine, and how do "
        "they\ncome back when all are gone at once?\n",
        "| | |\n| --- | --- |",
        f"| commit | `{facts['commit']}` |",
        f"| host | {host['cpu_model']}, {host['cores']} cores, {host['memory_gib']} GiB, "
        f"Linux {host['kernel']} |",
        f"| open files | at most {host['open_files_max']:,} per process |",
        f"| command | `{facts['command'].strip()}` |",
        f"| taken | {facts['minutes']:.0f} min, load average {facts['load_before']:.2f} before |\n",
        "Gateway and load generator, one process each, share the cores: all times hold for both "
        "together.\n",
    ]
    text += _settings(facts)
    text += ["## Goals\n", _table(["", "at most", "measured", "met"], _goals(facts, figures))]
    text += [f"![{name[:-4]}]({name})" for name in plots]
    if "idle" in figures or "subscribed" in figures:
        text += ["\n## Memory\n", _MEMORY, _table(_MEMORY_HEAD, _memory_rows(figures))]
    if "pinged" in figures or "pinged-floor" in figures:
        text += ["## Pings\n", _PINGS, _table(_PINGS_HEAD, _ping_rows(figures))]
    if any(name in figures for name in STORMS):
        text += ["## Storms\n", _STORMS, _table(_STORMS_HEAD, _storm_rows(figures))]
    if "churn" in figures:
        text += ["## Churn\n", _CHURN, _table(_CHURN_HEAD, _churn_rows(figures["churn"]))]
    if "stateless" in figures:
        text += ["## Beyond a million\n", _STATELESS,
                 _table(_STATELESS_HEAD, _stateless_rows(figures["stateless"]))]
    text += _ends(figures)
    return "\n".join(text).rstrip() + "\n"


_MEMORY = """The slope between half of the clients and all of them, in one gateway: keep-alive off,
client ids of 16 bytes, MQTT 5. The kernel's part counts both ends, which are both here. Left is
what was not given back ten seconds after everyone had gone; the kernel's objects are everybody's.
"""
_MEMORY_HEAD = ["", "user B", "resident B", "kernel B, both ends", "% of a core", "subscriptions",
                "left user MiB", "left kernel MiB", "load generator B"]
_PINGS = """The clients ping at their keep-alive. The floor is a bare server over rings that answers
the same pings. Percent of a core is at the full rate of pings: clients / keep-alive.
"""
_PINGS_HEAD = ["", "us per ping", "to the floor", "% of a core", "pings/s", "p50 ms", "p99 ms",
               "kernel B, both ends", "us per connect"]
_CHURN = """One client in a hundred goes each second and comes back. What grows is the slope by least
squares, without the first minute and the last.
"""
_CHURN_HEAD = ["minutes", "replaced", "user KiB/min", "resident KiB/min", "kernel KiB/min",
               "wrong takeovers", "refused", "held at the end", "left user MiB"]
_STATELESS = """The clients have no sockets: the load generator speaks TCP itself behind a TUN device, so
that the kernel holds the gateway's half of each connection alone. Bytes are from none to all.
"""
_STATELESS_HEAD = ["connected", "missing", "refused", "user B", "resident B", "kernel B",
                   "% of a core", "s to connect", "us per connect", "load generator B",
                   "left user MiB", "left kernel MiB"]
_STORMS = """All clients drop at once, and then come back as fast as they can. CPU is the gateway's.
After kill -9 "drop" is the time until the next gateway says that it is ready, and "back" counts
from the kill: the kernel closes what the last one had open meanwhile. The floor is a bare server
over rings that answers and does nothing else (`tributary-loadgen floor`).
"""
_STORMS_HEAD = ["", "drop s", "back s", "connects/s", "p50 ms", "p99 ms", "max ms", "us per connect",
                "refused", "missing"]


def _settings(facts):
    costs = [finding for finding in facts["doctor"]["findings"]
             if finding["verdict"] in ("costs", "blocks")]
    lines = [f"- {note}" for note in facts["notes"]]
    lines += [f"- as it was: {one['knob']} {one['found']} ({one['otherwise']})" for one in costs]
    return ["What could not be set, or was left:\n", *(lines or ["- nothing"]), ""]


def _goals(facts, figures):
    def row(name, goal, run, key, unit="", digits=1):
        value = figures.get(run, {}).get(key)
        if value is None:
            return [name, f"{goal:,.3g}{unit}", "-", "-"]
        met = "yes" if value <= goal else "**no**"
        return [name, f"{goal:,.3g}{unit}", f"{value:,.{digits}f}{unit}", met]
    millions = facts["connections"] / 1e6
    rows = [row("user bytes per idle client", USER_BYTES_GOAL, "idle", "user_bytes", " B", 0)]
    if figures.get("subscribed", {}).get("subscriptions"):
        rows.append(row("with a subscription of its own", SUBSCRIBED_BYTES_GOAL, "subscribed",
                        "user_bytes", " B", 0))
    rows.append(row("CPU of idle clients without pings", IDLE_PERCENT_GOAL, "idle",
                    "percent_of_a_core", " %", 2))
    share = facts["connections"] / facts["keepalive_secs"] / PINGED_PER_SEC
    rows.append(row("CPU with pings", PINGED_PERCENT_GOAL * share, "pinged",
                    "percent_of_a_core", " %"))
    ratio = _floor_ratio(figures)
    rows.append(["CPU with pings, to the floor", f"{FLOOR_RATIO_GOAL}x",
                 f"{ratio:.2f}x" if ratio else "-",
                 "-" if not ratio else "yes" if ratio <= FLOOR_RATIO_GOAL else "**no**"])
    for name, said in STORMS.items():
        if name == "storm-floor":
            continue
        rows.append(row(f"all back, {said}", RETURN_SECS_GOAL_PER_MILLION * millions, name,
                        "return_secs", " s"))
        rows.append(row(f"missing at the end, {said}", 0, name, "missing", "", 0))
    rows.append(row("CPU per connect", CONNECT_US_GOAL, "storm-reset", "connect_us", " us"))
    return [row for row in rows if row[2] != "-"]


def _floor_ratio(figures):
    if "pinged" not in figures or "pinged-floor" not in figures:
        return None
    return figures["pinged"]["us_per_ping"] / max(figures["pinged-floor"]["us_per_ping"], 1e-9)


def _memory_rows(figures):
    for name in ("idle", "subscribed"):
        if name in figures:
            one = figures[name]
            yield [name, _shown(one["user_bytes"]), _shown(one["resident_bytes"]),
                   _shown(one["slab_bytes_per_pair"]), _shown(one["percent_of_a_core"], 2),
                   f"{one['subscriptions']:,}", _mebi(one["left_user_bytes"]),
                   _mebi(one["left_slab_bytes"]), _shown(one["loadgen_bytes"])]


def _ping_rows(figures):
    ratio = _floor_ratio(figures)
    for name in ("pinged-floor", "pinged"):
        if name in figures:
            one = figures[name]
            ping = one["ping_ms"] or {}
            yield [name, _shown(one["us_per_ping"], 1),
                   "1.00x" if name != "pinged" else f"{ratio:.2f}x" if ratio else "-",
                   _shown(one["percent_of_a_core"], 1), _shown(one["pings_per_sec"]),
                   _shown(ping.get("p50"), 2), _shown(ping.get("p99"), 2),
                   _shown(one["slab_bytes_per_pair"]), _shown(one["connect_us"], 1)]


def _churn_rows(one):
    kibi = [f"{one[name + '_per_min'] / 1024:+,.1f}"
            for name in ("user_bytes", "resident_bytes", "slab_bytes")]
    yield [f"{one['secs'] / 60:.1f}", f"{one['replaced']:,}", *kibi, f"{one['wrong_takeovers']:,}",
           f"{one['refused']:,}", f"{one['held']:,}", _mebi(one["left_user_bytes"])]


def _stateless_rows(one):
    yield [f"{one['connected']:,}", f"{one['missing']:,}", f"{one['refused']:,}",
           _shown(one["user_bytes"]), _shown(one["resident_bytes"]), _shown(one["slab_bytes"]),
           _shown(one["percent_of_a_core"], 2), _shown(one["connect_secs"]),
           _shown(one["connect_us"], 1), _shown(one["loadgen_bytes"]),
           _mebi(one["left_user_bytes"]), _mebi(one["left_slab_bytes"])]


def _storm_rows(figures):
    for name, said in STORMS.items():
        if name in figures:
            one = figures[name]
            ms = one.get("connect_ms") or {}
            rate = ms["count"] / one["return_secs"] if ms and one["return_secs"] else None
            yield [said, _shown(one.get("drop_secs", one.get("dead_secs")), 1),
                   _shown(one["return_secs"], 1), _shown(rate), _shown(ms.get("p50"), 1),
                   _shown(ms.get("p99"), 1), _shown(ms.get("max"), 1),
                   _shown(one.get("connect_us"), 1), f"{one['refused']:,}", f"{one['missing']:,}"]


def _ends(figures):
    lines = []
    for name, said in STORMS.items():
        ends = figures.get(name, {}).get("ends", {})
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(ends.items()))
        lines += [f"How connections ended, {said}: {told}.\n"] if told else []
    published = figures.get("storm-fin", {})
    if published.get("published"):
        lines.append(f"Publishers meanwhile, into the embedded Kafka: {published['published']:,} "
                     f"sent, {published['acknowledged']:,} acknowledged.")
    return lines


def _shown(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def _mebi(value):
    return "-" if value is None else f"{value / 2**20:,.1f}"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
