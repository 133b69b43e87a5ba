#!/usr/bin/env python3
"""Measures one subject in one run on one machine and writes a folder in results/: `make bench` the
main job, `make bench-mqtt` the MQTT server, `make bench-tls` TLS and who may come in."""
import argparse
import os
import sys
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path

os.chdir(Path(__file__).resolve().parents[2])
sys.path.append("tools")

import access  # noqa: E402 (the paths below are relative to the repository)
import connections  # noqa: E402
import device_to_device  # noqa: E402
import fan_out  # noqa: E402
import highest  # noqa: E402
import host  # noqa: E402
import linger  # noqa: E402
import load  # noqa: E402
import matching  # noqa: E402
import null_route  # noqa: E402
import pki  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
import store  # noqa: E402
import subscriptions  # noqa: E402
import tls_handshakes  # noqa: E402
import tls_idle  # noqa: E402
import tls_many  # noqa: E402
import tls_publish  # noqa: E402
import tls_storm  # noqa: E402
import to_kafka  # noqa: E402
from trials import Trials  # noqa: E402

SUBJECTS = {
    "main-job": (null_route, to_kafka, highest, linger, connections),
    "mqtt-server": (device_to_device, fan_out, store, subscriptions, matching),
    "tls": (tls_idle, tls_handshakes, tls_publish, tls_storm, tls_many, access),
}
# Below this many seconds per trial a run is a look, not a measurement: one round is enough.
FULL_SECONDS_MIN = 3
FULL_ROUNDS = 3
WARM_UP_RATE = 20_000
WARM_UP_SECS = 5


class Bench:
    """The run so far, and what the questions need of it."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.trials = Trials()
        self.kafka_pids = []
        self.began = time.monotonic()

    def turns(self, contenders, round_number):
        """The contenders, each round beginning with another: none always follows the same one."""
        first = round_number % len(contenders)
        return contenders[first:] + contenders[:first]

    def add(self, case, server, round_number, trial):
        self.trials.add(case, server, round_number, trial)
        told = ("cpu_us", "acknowledged_per_sec", "p50_ms", "p99_ms", "user_bytes",
                "resident_bytes", "slab_bytes", "secs", "refused", "lost", "unread",
                "delivered_per_sec", "return_cpu_us", "disk_bytes", "faults", "instructions",
                "nanoseconds", "first_cpu_us", "resumed", "during_p99_ms", "shed", "missing")
        figures = {name: trial["figures"][name] for name in told if name in trial["figures"]}
        text = "  ".join(f"{name} {value:,.3f}" for name, value in figures.items())
        busy = f"  (others {trial['others_cores']:.2f} cores)"
        elapsed = time.monotonic() - self.began
        print(f"{elapsed:4.0f} s  {case} | {server}: {text}{busy}", flush=True)


def main():
    args = _arguments()
    questions = [question for question in SUBJECTS[args.subject]
                 if not args.only or question.NAME in args.only]
    if not questions:
        raise RuntimeError(f"none of {', '.join(args.only)} is about the {args.subject}")
    rounds = args.rounds or (FULL_ROUNDS if args.seconds >= FULL_SECONDS_MIN else 1)
    host.allow_all_open_files()
    servers.FOLDER.mkdir(parents=True, exist_ok=True)
    load_before, bench = os.getloadavg()[0], Bench(args.seconds)
    if not servers.mosquitto_program():
        print("bench: no mosquitto here, so that the control is missing")
    if args.subject == "tls":
        pki.make()
    with _kafka(args.real_kafka, questions, rounds) as kafka_pid:
        bench.kafka_pids = [kafka_pid] if kafka_pid else []
        if kafka_pid:
            _warm_up(bench)
        for round_number in range(rounds):
            for question in questions:
                question.measure(bench, round_number)
    facts = {
        "subject": args.subject,
        "date": date.today().isoformat(),
        "host": host.describe(),
        "run": {
            "commit": host.commit(),
            "command": _command(args),
            "seconds": args.seconds,
            "rounds": rounds,
            "minutes": (time.monotonic() - bench.began) / 60,
            "load_before": load_before,
        },
    }
    folder = args.out or Path("results") / f"{facts['date']}-{args.subject}"
    report.write(folder, bench, questions, facts)
    print(f"bench: {folder}/README.md says it all")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", choices=SUBJECTS, default="main-job")
    parser.add_argument("--seconds", type=float, default=3, help="per trial (default 3)")
    parser.add_argument("--rounds", type=int, help=f"default {FULL_ROUNDS}; 1 in a quick look")
    names = [question.NAME for of in SUBJECTS.values() for question in of]
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="QUESTION",
                        help="of " + ", ".join(names))
    parser.add_argument("--no-real-kafka", dest="real_kafka", action="store_false",
                        help="where there is no Java")
    parser.add_argument("--out", type=Path, help="default results/DATE-SUBJECT")
    return parser.parse_args()


def _command(args):
    """The command again, as one would type it."""
    words = ["tools/bench/bench.py"]
    words += [f"--subject {args.subject}"] if args.subject != "main-job" else []
    words += [f"--seconds {args.seconds:g}"]
    words += [f"--rounds {args.rounds}"] if args.rounds else []
    words += ["--only " + " ".join(args.only)] if args.only else []
    return " ".join(words + ([] if args.real_kafka else ["--no-real-kafka"]))


def _kafka(wanted, questions, rounds):
    if wanted and {to_kafka, highest, linger} & set(questions):
        return servers.kafka_node([to_kafka.TOPIC] + highest.topics(rounds))
    return nullcontext()


def _warm_up(bench):
    """A fresh JVM answers slowly: whoever comes first would pay for its compiling."""
    with servers.gateway(servers.to_kafka(to_kafka.TOPIC), helpers=bench.kafka_pids) as server:
        load.publish(server, WARM_UP_SECS, "--rate", str(WARM_UP_RATE))


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"bench: {error}")
