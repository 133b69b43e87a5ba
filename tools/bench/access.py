"""What do a decision on a topic and a look at a client's meter cost?"""
import re
import subprocess

import host
from trials import shown, table

NAME = "access"
PREFIX = "access: "
SECS_MAX = 600
COMMAND = ["cargo", "run", "--quiet", "--locked", "--release", "-p", "tributary-access",
           "--example"]
EXAMPLES = ("decide", "take")
# `take` says "NAME: 1.2 ns per check"; `decide` has a table with a column per number of rules.
LINE = re.compile(r"^(.+?):\s+([\d.]+) ns per (\w+)")
ROW = re.compile(r"^(\S.*?)((?:\s+[\d.]+)+)$")
HEAD = "ns per decision, rules read:"


def measure(bench, round_number):
    if round_number > 0:
        return  # Each takes the least of its own rounds.
    for example in EXAMPLES:
        watch = host.Watch([])
        done = subprocess.run([*COMMAND, example], check=True, timeout=SECS_MAX,
                              capture_output=True, text=True)
        for what, nanoseconds in _figures(done.stdout):
            trial = {**watch.result(), "figures": {"nanoseconds": nanoseconds}}
            bench.add(PREFIX + what, "tributary", 0, trial)


def _figures(text):
    columns = []
    for line in text.splitlines():
        if line.startswith(HEAD):
            columns = line.removeprefix(HEAD).split()
        elif found := LINE.match(line):
            what, nanoseconds, each = found.groups()
            yield f"{what}, per {each}", float(nanoseconds)
        elif columns and (found := ROW.match(line)):
            for rules, nanoseconds in zip(columns, found[2].split()):
                yield f"{found[1].strip()}, {rules} rule(s) read, per decision", float(nanoseconds)


def goals(_trials):
    return []


def section(trials):
    text = f"""## Rules and quotas

CPU of one thread, the least of its rounds; `{" ".join(COMMAND)} {EXAMPLES[0]}` and `{EXAMPLES[1]}`
do the same alone and say what stands behind the names.

"""
    cases = [trial["case"] for trial in trials.all if trial["case"].startswith(PREFIX)]
    rows = [[case.removeprefix(PREFIX), shown(trials.median(case, "tributary", "nanoseconds"), 1)]
            for case in cases]
    return text + table(["", "ns"], rows) + "\n"


def plots(_trials):
    return ()
