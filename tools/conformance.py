#!/usr/bin/env python3
"""Checks gateway/proto/CONFORMANCE.md: every numbered statement has a row, the code it names is
there, and the tests it names ran and passed in this run of tools/test.sh.

    tools/conformance.py [--logs target/test-logs]

A test counts as run when a log says so; one that no log knows is looked up by `cargo test --list`,
to tell a misspelt name from a step that was left out. Exit code 1 when anything is missing.
"""
import argparse
import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "gateway/proto/CONFORMANCE.md"
FOLDERS = {
    "proto": "gateway/proto/src",
    "shard": "gateway/src/shard",
    "ring": "gateway/ring/src",
    "transport": "gateway/transport/src",
    "src": "gateway/src",
}

# Section and the number of its last statement, as in appendix B of each specification; where the
# first one is not 1 it stands in front.
STATEMENTS = {
    "MQTT 3.1.1": """
        1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3
        3.3.4:1 3.3.5:2 3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1
        3.14.1:1 3.14.4:3 4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1
        4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1""",
    "MQTT 5.0": """
        1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:2-6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2
        3.2.2:22 3.3.1:13 3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5
        3.8.4:8 3.9.2:2 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1
        3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3 4.1.0:2 4.2.0:1 4.3.1:1 4.3.2:5 4.3.3:13
        4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3 4.12.0:7 4.12.1:2
        4.13.1:1 4.13.2:1 6.0.0:4""",
}
# The specification itself writes this one so.
SPELT = {("MQTT 3.1.1", "MQTT-3.8.3-4"): "MQTT-3-8.3-4"}


def wanted(version):
    """Every statement of a version, in order."""
    for entry in STATEMENTS[version].split():
        section, numbers = entry.split(":")
        first, _, last = numbers.rpartition("-")
        for number in range(int(first or 1), int(last) + 1):
            name = f"MQTT-{section}-{number}"
            yield SPELT.get((version, name), name)


def rows():
    """The rows of the table by version and statement; each a list of its cells."""
    found, version = {}, None
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            version = line[3:].strip()
        elif line.startswith("| MQTT-"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.setdefault((version, cells[0]), []).append(cells)
    return found


def outcomes(logs):
    """What the logs say of each test, as `binary::path::name`: ok, FAILED or ignored."""
    seen = {}
    running = re.compile(r"^\s*Running .*\((?:\S*/)?(\S+)-[0-9a-f]{16}\)")
    result = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)")
    # Scripts name a scenario in words; a fault stands behind a colon.
    scenario = re.compile(r"^(PASS|FAIL) ([^:]+)")
    for log in sorted(logs.glob("*.log")):
        binary = None
        for line in log.read_text(errors="replace").splitlines():
            if match := running.match(line):
                binary = match[1]
            elif binary and (match := result.match(line)):
                seen[f"{binary}::{match[1]}"] = match[2]
            elif match := scenario.match(line):
                name = "_".join(match[2].split())
                seen[f"{log.stem}::{name}"] = "ok" if match[1] == "PASS" else "FAILED"
    return seen


def listed():
    """The names of all tests that cargo knows, from what is built already."""
    names = set()
    pure = ["--locked", "-p", "tributary-proto", "-p", "tributary-ring"]
    rest = ["--release", "--locked", "--workspace", "--exclude", "tributary-proto"]
    rest += ["--exclude", "tributary-ring", "--lib", "--bins", "--tests"]
    for selection in (pure, rest):
        command = ["cargo", "test", *selection, "--", "--list"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(f"{' '.join(command)}: exit code {done.returncode}", file=sys.stderr)
        binaries = iter(re.findall(r"Running .*\((?:\S*/)?(\S+)-[0-9a-f]{16}\)", done.stderr))
        binary = next(binaries, None)
        for line in done.stdout.splitlines():
            if line.endswith(": test"):
                names.add(f"{binary}::{line[:-6]}")
            elif re.match(r"\d+ tests?, ", line):
                binary = next(binaries, None)
    return names


def missing_code(kept):
    """What is wrong with the places in the code that a row names."""
    for place in re.findall(r"`([^`]+)`", kept):
        path, _, function = place.partition(": ")
        folder, _, rest = path.partition("/")
        file = ROOT / FOLDERS.get(folder, folder) / rest
        if not file.is_file():
            yield f"there is no file {path}"
        elif function and not re.search(rf"\bfn {function}\b", file.read_text()):
            yield f"{path} has no function {function}"


def missing_tests(shown, seen, known):
    """What is wrong with the tests that a row names."""
    for pattern in re.findall(r"`([^`]+)`", shown):
        names = fnmatch.filter(seen, pattern) if "*" in pattern else [pattern]
        ran = [name for name in names if seen.get(name) in ("ok", "FAILED")]
        for name in ran:
            if seen[name] == "FAILED":
                yield f"{name} failed"
        if not ran:
            exists = bool(fnmatch.filter(known(), pattern))
            yield f"{pattern} {'did not run' if exists else 'does not exist'}"


def faults(version, statement, table, seen, known):
    """What is wrong with one statement; nothing when it is shown."""
    of_statement = table.pop((version, statement), [])
    if len(of_statement) != 1:
        yield f"{len(of_statement)} rows"
        return
    cells = of_statement[0]
    if len(cells) != 4 or not cells[1]:
        yield "not a row of four cells"
        return
    _, _, kept, shown = cells
    if "`" not in shown and not kept.startswith("cannot apply: "):
        yield "no test"
    if "`" not in kept and not kept.startswith("cannot apply: "):
        yield "no place in the code"
    yield from missing_code(kept)
    yield from missing_tests(shown, seen, known)


def main():
    parser = argparse.ArgumentParser(description="checks CONFORMANCE.md")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "target/test-logs")
    seen = outcomes(parser.parse_args().logs)
    cache = []

    def known():
        if not cache:
            cache.append(listed())
        return cache[0]

    table, passed, failed = rows(), 0, 0
    for version in STATEMENTS:
        for statement in wanted(version):
            wrong = list(faults(version, statement, table, seen, known))
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                shortened = wrong[:3] + [f"{len(wrong) - 3} more"] * (len(wrong) > 3)
                print(f"FAIL {version}, {statement}: {'; '.join(shortened)}")
    for version, statement in table:
        print(f"FAIL {version} has no statement {statement}")
        failed += 1
    print(f"\n{len(seen)} tests in the logs, {passed + failed} statements")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
