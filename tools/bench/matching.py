"""What does it take to find a topic's subscribers among a million filters?"""
import json
import subprocess

import host
import servers
from trials import shown, table

NAME = "matching"
PREFIX = "match: "
SECS_MAX = 1_200
COMMAND = ["cargo", "bench", "--quiet", "--locked", "-p", "tributary-proto", "--bench", "matching"]


def measure(bench, round_number):
    if round_number > 0:
        return  # Instructions are counted, not sampled.
    watch, file = host.Watch([]), servers.FOLDER.resolve() / "matching.json"
    file.unlink(missing_ok=True)
    subprocess.run([*COMMAND, "--", "--json", str(file)], check=True, timeout=SECS_MAX,
                   stdout=subprocess.DEVNULL)
    said = json.loads(file.read_text())
    for row in said["cases"]:
        figures = {"instructions": row["instructions"], "nanoseconds": row["nanoseconds"],
                   "exact_filters": said["exact_filters"], "patterns": said["patterns"]}
        bench.add(PREFIX + row["case"], "tributary", 0, {**watch.result(), "figures": figures})


def goals(_trials):
    return []


def section(trials):
    text = f"""## Matching

One shard's index with 1,000,000 exact filters, 10,000 with wildcards, and 10,000 devices; each case
looks up topics in no order. Instructions are counted by callgrind in the lookup alone; they do not
depend on the machine. Nanoseconds are this machine's, the mean over a million topics, most of them
waiting for memory. `{" ".join(COMMAND)}` does the same alone.

"""
    cases = [trial["case"] for trial in trials.all if trial["case"].startswith(PREFIX)]
    rows = [[case.removeprefix(PREFIX),
             shown(trials.median(case, "tributary", "instructions"), 1),
             shown(trials.median(case, "tributary", "nanoseconds"), 1)] for case in cases]
    return text + table(["per", "instructions", "ns"], rows) + "\n"


def plots(_trials):
    return ()
