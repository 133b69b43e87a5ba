"""Writes a run's folder: README.md with the tables, report.json with every trial, the plots."""
import json
import statistics

import host
from trials import table

SUBJECTS = {
    "main-job": """# {date}: the main job, measured

The question: what do a message and a connection cost the gateway, against the kernel's floor and
against mosquitto on the same machine in the same run, and how soon and how surely does a message
reach Kafka?
""",
    "mqtt-server": """# {date}: the MQTT server, measured

The question: what do subscriptions, deliveries and a store that survives cost the gateway, beside
mosquitto on the same machine in the same run where it can do the same?
""",
    "tls": """# {date}: TLS and who may come in, measured

The question: what do a client, a handshake and a message within TLS cost the gateway, beside plain
ones and beside mosquitto on the same machine in the same run, and what do the others notice when a
fleet comes back at once?
""",
}
HEAD = """
| | |
| --- | --- |
| commit | `{commit}` |
| host | {cpu_model}, {cores} cores, {memory_gib} GiB, Linux {kernel} |
| open files | at most {open_files_max:,} per process |
| command | `{command}` |
| taken | {seconds:g} s per trial, {rounds} round(s), all servers in turn; {minutes:.0f} min |
| others | load average {load_before:.2f} before; {others:.2f} cores kept busy meanwhile (median) |

Every figure is the median over the rounds; `report.json` has all of them. Client and server share
the {cores} cores; the load generator has one thread. Marks: **b** means that other processes kept
more than {others_max:g} cores busy in one of the rounds, **c** that the load generator was the
bottleneck in most of them: the server may be faster than shown (its CPU per message still holds).

## Goals

"""


def write(folder, bench, questions, facts):
    folder.mkdir(parents=True, exist_ok=True)
    trials = bench.trials
    others = [trial["others_cores"] for trial in trials.all]
    text = SUBJECTS[facts["subject"]].format(**facts) + HEAD.format(
        others=statistics.median(others or [0.0]),
        others_max=host.OTHERS_CORES_MAX, **facts["host"], **facts["run"],
    )
    goals = [row for question in questions for row in question.goals(trials)]
    text += table(["", "at most", "measured", "met", "marks"], goals) + "\n"
    text += _bottlenecks(trials)
    for question in questions:
        for name, drawing in question.plots(trials):
            (folder / name).write_text(drawing)
            text += f"![{name.removesuffix('.svg')}]({name})\n"
    text += "\n" + "\n".join(question.section(trials) for question in questions)
    (folder / "README.md").write_text(text.rstrip() + "\n")
    _write_json(folder / "report.json", facts, trials.all)
    return text


def _bottlenecks(trials):
    """Who was out of breath, in plain words."""
    text = """## What was the bottleneck

In a closed loop without mark **c**: the server, or the wake-ups between two cores. With a Kafka or
a second shard on the same machine: the cores, which all of them and the load generator share. The
load generator was it, or got its own messages out late, in

"""
    cases = {}
    for trial in trials.all:
        if trial["figures"].get("client_is_bottleneck"):
            cases.setdefault(trial["case"], []).append(trial)
    for case, of in cases.items():
        servers = ", ".join(sorted({trial["server"] for trial in of}))
        busiest = max(trial["figures"]["client_busiest_thread"] for trial in of)
        text += f"- {case}: {servers} ({len(of)} trials, its thread at most {busiest:.0%} busy)\n"
    return text + ("" if cases else "- no trial\n") + "\n"


def _write_json(path, facts, trials):
    """One trial per line: a line is what a diff or a grep shows."""
    head = json.dumps(facts, indent=1)
    lines = ",\n".join(json.dumps(trial, separators=(",", ":")) for trial in trials)
    path.write_text(f'{head[:-2]},\n "trials": [\n{lines}\n]}}\n')
