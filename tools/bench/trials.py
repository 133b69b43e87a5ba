"""Keeps every trial of the run, and answers with medians over the rounds."""
import statistics

import host


class Trials:
    def __init__(self):
        self.all = []

    def add(self, case, server, round_number, trial):
        self.all.append({"case": case, "server": server, "round": round_number, **trial})

    def of(self, case, server):
        return [t for t in self.all if (t["case"], t["server"]) == (case, server)]

    def median(self, case, server, figure):
        """`None` where it was not measured."""
        values = self.values(case, server, figure)
        return statistics.median(values) if values else None

    def values(self, case, server, figure):
        figures = (trial["figures"] for trial in self.of(case, server))
        return [of[figure] for of in figures if of.get(figure) is not None]

    def ratio(self, case, server, base, figure="cpu_us"):
        over, under = (self.median(case, name, figure) for name in (server, base))
        return over / under if over is not None and under else None

    def marks(self, case, server):
        """`b`: others kept the machine busy; `c`: the load generator was the bottleneck."""
        trials = self.of(case, server)
        busy = any(t["others_cores"] > host.OTHERS_CORES_MAX for t in trials)
        client = [t["figures"].get("client_is_bottleneck", 0) for t in trials]
        return ("b" if busy else "") + ("c" if sum(client) * 2 > len(client) else "")


def shown(value, digits=2):
    """A figure for a table, `-` where there is none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if digits == 0 else f"{value:,.{digits}f}"


def percent(share):
    return "-" if share is None else f"{share:.0%}"


def table(head, rows):
    """Markdown; numbers stand at the right."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def goal(name, wanted, value, digits=2, unit="", marks=""):
    """A row of the table of goals: at most `wanted`."""
    met = "not measured" if value is None else "yes" if value <= wanted else "**no**"
    return [name, f"{wanted:g}{unit}", shown(value, digits) + unit, met, marks or "-"]
