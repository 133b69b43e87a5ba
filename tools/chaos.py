#!/usr/bin/env python3
"""Breaks Kafka, the way to it, the disk, the clock and the gateway under load and holds the books
meanwhile: drawn at random for some minutes (`make chaos`), or every fault once (`--table`)."""
import argparse
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

os.chdir(Path(__file__).resolve().parents[1])
sys.path[:0] = ["tools/chaos", "tools/bench"]

import apart  # noqa: E402 (the paths are relative to the repository)
import disk_faults  # noqa: E402, F401 (its faults go on the list)
import drawn  # noqa: E402
import faults  # noqa: E402
import host  # noqa: E402
import stand  # noqa: E402
import table  # noqa: E402
from cluster import NODE  # noqa: E402


def main():
    args = _arguments()
    if args.write:
        table.write_so_far(args.out)
        return 0
    if not apart.is_entered():
        # Where we go there is no way to what is not here yet.
        subprocess.run([NODE, "jars"], check=True, stdout=subprocess.DEVNULL)
        apart.enter([sys.executable, str(Path(__file__).resolve()), *sys.argv[1:]])
    # As the first process of its namespace it would hear no signal that it has not asked for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    apart.bring_up()
    host.allow_all_open_files()
    stand.FOLDER.mkdir(parents=True, exist_ok=True)
    if args.table or args.only:
        return 0 if table.run(args.only, args.policy, args.out, args.go_on) else 1
    drawn.run(args.minutes, args.seed)
    return 0


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of drawn faults (default 10)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32),
                        help="which ones; another each time by default")
    parser.add_argument("--table", action="store_true", help="every fault once; writes results/")
    parser.add_argument("--continue", action="store_true", dest="go_on",
                        help="go on where a table was interrupted; each row tells its commit")
    parser.add_argument("--write", action="store_true",
                        help="write what an interrupted table has, and what it has not")
    parser.add_argument("--only", nargs="+", choices=faults.ALL, metavar="FAULT",
                        help="some faults, nothing written; of " + ", ".join(faults.ALL))
    parser.add_argument("--policy", nargs="+", metavar="POLICY",
                        choices=[faults.WITHHOLD, faults.IN_OUTAGE, faults.FIRST])
    parser.add_argument("--out", type=Path, help="default results/DATE-faults")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"chaos: {error}")
