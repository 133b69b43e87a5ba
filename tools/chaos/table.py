"""Stages every fault once and writes the folder in results/: the table, and what each does."""
import json
import os
import subprocess
import time
from collections import Counter
from datetime import date
from pathlib import Path

import apart
import faults
import host
from cluster import Cluster
from stand import FOLDER, Stand

# REPLAY_RECORDS_MAX of gateway/src/kafka/limits.rs.
REPLAY_RECORDS_MAX = 8_192
HEAD = """# {date}: every fault, with a real Kafka under load

The question: what does a fault of Kafka, of the way to it, of the disk, of the clock or of the
gateway itself cost, in messages and in time? Answer: of {acknowledged:,} acknowledged messages
{lost} were lost, but for {spoiled} in the row spool_corrupt, whose only copy was overwritten on
disk and which were counted as that.

| | |
| --- | --- |
| commit | `{commit}` |
| host | {cpu_model}, {cores} cores, {memory_gib} GiB, Linux {kernel} |
| command | `{command}` |
| taken | {minutes:.0f} min; others on the machine made it busier in some rows than in others |
| Kafka | Apache Kafka {kafka}, {kafka_note} |

Each row is a run of its own: 500 devices publish 2,000 messages per second at QoS 1 in an open
loop (`tributary-loadgen publish`), the fault comes after 3 s, and once everything has flowed again
the load ends, `tributary-loadgen verify` reads Kafka back and holds it to what was acknowledged.
All the while `/metrics` is scraped every 200 ms, and a run ends at the first scrape at which

    received = acknowledged + pending + refused + settled after the client had gone
    acknowledged <= in Kafka + in the spool + dropped by the spool

does not hold; when nothing is on its way any more the second line must be even, but for those
whose device had gone. {scrapes:,} scrapes, {imbalances} of them out of balance.

"""
COLUMNS = """
*by us*: messages that Kafka has twice though their device sent them once. A producer that is given
up, and a replay that is cut off, repeat what nobody can know to be in Kafka: of the spool at most
{replay_max:,} records per kill, those on their way, and the 256 by which its marker may lag. *sent
again*: twice since a device lost its connection before its PUBACK and sent again, as QoS 1 has it.
*flow*: from the end of the fault until the last silence of a second or more was over, 0.0 if there
was none: scrapes come every 0.2 s. *calm*: until no more than a second's load was waiting, on disk
or for its PUBACK. *longest PUBACK*: from the time at which the message ought to have left. *peak*:
resident memory of the gateway.

"""


class Rows:
    """The rows of a run, each on disk as soon as it is there: what was interrupted can go on."""

    def __init__(self, goes_on):
        self._path, self._commit = FOLDER / "rows.jsonl", _commit()
        self.all = []
        if goes_on and self._path.exists():
            self.all = [json.loads(line) for line in self._path.read_text().splitlines()]
        self._path.write_text("".join(json.dumps(row) + "\n" for row in self.all))

    def has(self, fault, policy):
        return any((row["fault"], row["policy"]) == (fault, policy) for row in self.all)

    def add(self, row):
        self.all.append(row | {"commit": self._commit})
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(self.all[-1]) + "\n")


def run(names, policies, out, goes_on):
    """Returns whether every row is as it must be."""
    rows = Rows(goes_on)
    wanted = [(fault, policy) for fault in faults.ALL.values() for policy in fault.policies
              if fault.name in (names or faults.ALL) and policy in (policies or fault.policies)]
    for nodes in (1, 3):
        left = [(fault, policy) for fault, policy in wanted
                if fault.nodes == nodes and not rows.has(fault.name, policy)]
        if left:
            with Cluster(FOLDER / "kafka", nodes) as kafka:
                for fault, policy in left:
                    rows.add(_row(kafka, fault, policy))
    if names or policies:
        print("chaos: only a part of the table was run: nothing is written")
    else:
        _write(out, rows.all)
    return all("trouble" not in row for row in rows.all)


def write_so_far(out):
    """Writes the rows of an interrupted table, and which are missing."""
    lines = (FOLDER / "rows.jsonl").read_text().splitlines()
    _write(out, [json.loads(line) for line in lines])


def _row(kafka, fault, policy):
    began, load = time.monotonic(), os.getloadavg()[0]
    row = {"fault": fault.name, "policy": policy, "load_before": load}
    if missing := apart.missing(fault.needs):
        row |= {"left_out": ", ".join(missing)}
    else:
        print(f"chaos: {fault.name}, {policy}: {fault.what}", flush=True)
        row |= _staged(kafka, fault, policy)
    row["secs"] = time.monotonic() - began
    told = {key: round(value, 2) if isinstance(value, float) else value
            for key, value in row.items()}
    print(f"chaos: {told}", flush=True)
    return row


def _staged(kafka, fault, policy):
    name = f"{fault.name}-{policy}".replace(" ", "-")
    try:
        with Stand(kafka, name, policy, fault.way, **fault.load) as stand:
            if fault.prepare:
                fault.prepare(stand)
            stand.begin()
            lost = fault.stage(stand) or 0
            return stand.finish(lost)
    except RuntimeError as error:
        _heal(kafka)
        return {"trouble": str(error)}


def _heal(kafka):
    """A run that has ended too early leaves its fault behind."""
    apart.let_packets_pass()
    for node in range(1, kafka.nodes + 1):
        kafka.restart(node)


def _commit():
    """The last commit that has changed what is tested."""
    command = ["git", "log", "-1", "--format=%H", "--", "gateway", "loadgen", "Cargo.lock"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return said + (" with changes" if " " in host.commit() else "")


def _commits(rows):
    """Each commit with its number of rows: a table that was interrupted may go on with another."""
    counts = Counter(row["commit"] for row in rows)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{commit} ({count} rows)" for commit, count in counts.items())


def _kafka_version():
    pom = Path("gateway/tests/kafka/pom.xml").read_text()
    return pom.split("<kafka.version>")[1].split("<")[0]


def _write(folder, rows):
    facts = {
        "date": date.today().isoformat(),
        "host": host.describe(),
        "commit": _commits(rows),
        "command": "tools/chaos.py --table",
        "minutes": sum(row["secs"] for row in rows) / 60,
        "kafka": _kafka_version(),
    }
    folder = folder or Path("results") / f"{facts['date']}-faults"
    folder.mkdir(parents=True, exist_ok=True)
    taken = {(row["fault"], row["policy"]) for row in rows}
    missing = [f"{fault.name} ({policy})" for fault in faults.ALL.values()
               for policy in fault.policies if (fault.name, policy) not in taken]
    scrapes = sum(row.get("scrapes", 0) for row in rows)
    imbalances = sum("balance" in row.get("trouble", "") for row in rows)
    kafka_note = "one node, or three with replication 3 and min.insync.replicas 2; 256 MiB each"
    spoiled = sum(row.get("lost", 0) for row in rows if row["fault"] == "spool_corrupt")
    sums = {name: sum(row.get(name, 0) for row in rows) for name in ("acknowledged", "lost")}
    text = HEAD.format(scrapes=scrapes, imbalances=imbalances, kafka_note=kafka_note,
                       spoiled=spoiled, acknowledged=sums["acknowledged"],
                       lost=sums["lost"] - spoiled,
                       **facts["host"], **{k: v for k, v in facts.items() if k != "host"})
    head = ["fault", "policy", "sent", "acknowledged", "in Kafka", "lost", "twice by us",
            "twice, sent again", "refused", "flow s", "calm s", "longest PUBACK s", "peak MiB"]
    text += "| " + " | ".join(head) + " |\n|" + " --- |" * len(head) + "\n"
    text += "".join(_line(row) for row in rows)
    text += f"\n**Not taken in this run:** {', '.join(missing)}.\n" if missing else ""
    text += COLUMNS.format(replay_max=REPLAY_RECORDS_MAX) + "## The faults\n\n"
    for fault in faults.ALL.values():
        text += f"**{fault.name}.** {fault.what}\n\n"
    (folder / "README.md").write_text(text.rstrip() + "\n")
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (folder / "report.json").write_text(
        f'{json.dumps(facts, indent=1)[:-2]},\n "rows": [\n{lines}\n]}}\n')
    print(f"chaos: {folder}/README.md")


def _line(row):
    if "left_out" in row or "trouble" in row:
        said = row.get("trouble") or f"left out: no {row['left_out']} here"
        return f"| {row['fault']} | {row['policy']} | {said[:200]} |\n"
    counts = ("sent", "acknowledged", "in_kafka", "lost", "twice", "twice_sent_again", "refused")
    cells = [row["fault"], row["policy"], *(f"{row[name]:,}" for name in counts)]
    cells += [f"{row[name]:.1f}" for name in ("flow_secs", "calm_secs", "longest_puback_secs")]
    return "| " + " | ".join(cells + [f"{row['peak_bytes'] / 2**20:.0f}"]) + " |\n"
