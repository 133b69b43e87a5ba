#!/usr/bin/env python3
"""Holds the systemd unit to what the gateway needs: a PASS or FAIL line for each.

    unit.py --gateway BINARY

systemd reads the unit and rates it, and the gateway lives from start to drain, with a client, in
a filter of system calls made of the unit's own lines: a call that is not in it is its death.
"""

import argparse
import ctypes
import os
import pathlib
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
UNIT = ROOT / "packaging/systemd/tributary.service"
SYSUSERS = UNIT.with_name("tributary.conf")
sys.path.insert(0, str(ROOT / "gateway/tests/stock"))
from gateway import Gateway  # noqa: E402

# What `systemd-analyze security` may come to, in tenths: 10.0 is wide open, below 2.0 is "OK".
EXPOSURE_TENTHS_MAX = 20
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_MDWE = 38, 22, 65
SECCOMP_MODE_FILTER, REFUSE_EXEC_GAIN = 2, 1
# Of the classic BPF that seccomp takes: load a word, jump if equal, return [seccomp(2)].
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
EPERM = 1
HEADERS = "/usr/include/*/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def members(group, seen):
    """The system calls of a group, and of the groups in it."""
    if group in seen:
        return set()
    seen.add(group)
    code, text = analyze("syscall-filter", group)
    if code != 0:
        raise SystemExit(text)
    names = set()
    for word in (line.strip() for line in text.splitlines()[1:]):
        if word.startswith("@"):
            names |= members(word, seen)
        elif word and not word.startswith("#"):
            names.add(word)
    return names


def filtered():
    """The names that the unit's filter lets pass, and those that it refuses by name."""
    allowed, refused = set(), set()
    for line in UNIT.read_text().splitlines():
        key, _, value = line.partition("=")
        if key != "SystemCallFilter":
            continue
        named = set()
        for word in value.removeprefix("~").split():
            named |= members(word, set()) if word.startswith("@") else {word}
        # A later line wins, as systemd has it.
        if value.startswith("~"):
            allowed, refused = allowed - named, refused | named
        else:
            allowed, refused = allowed | named, refused - named
    return allowed, refused


def numbers():
    """Each system call of this machine and its number, as its C headers have them."""
    for pattern in HEADERS:
        for path in pathlib.Path("/").glob(pattern[1:]):
            found = re.findall(r"#define __NR_(\w+)\s+(\d+)", path.read_text())
            return {name: int(number) for name, number in found}
    raise SystemExit("no headers of the C library: tools/setup.sh test installs them")


def program(allowed, refused):
    """The filter: who is allowed passes, who is refused by name hears EPERM, the rest is killed.

    The unit would answer the rest with EPERM too; a death cannot be overlooked.
    """
    of = numbers()
    code = [(LOAD, 0, 0, 0)]
    for names, verdict in ((allowed, ALLOW), (refused, REFUSE | EPERM)):
        for number in sorted(of[name] for name in names if name in of):
            code += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, verdict)]
    code.append((RETURN, 0, 0, KILL))
    return code


def confine(code):
    """Makes this process, and what it becomes, keep to the filter and to memory as the unit has it."""
    libc = ctypes.CDLL(None, use_errno=True)
    packed = b"".join(struct.pack("HBBI", *each) for each in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    header = ctypes.create_string_buffer(struct.pack("HP", len(code), ctypes.addressof(buffer)))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)  # unknown before Linux 6.3
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def lives(binary):
    """A whole life in the filter, with a store and a client; None, or what went wrong."""
    code = program(*filtered())
    with tempfile.TemporaryDirectory(prefix="unit-") as folder:
        settings = {
            "TRIBUTARY_STORE__KIND": "local",
            "TRIBUTARY_STORE__PATH": f"{folder}/store",
            "TRIBUTARY_LISTEN__LOCAL__ADDRESS": f"unix:{folder}/mqtt.sock",
        }
        account = {}
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
            settings["TRIBUTARY_PROCESS__USER"] = "nobody"
            account = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        log = pathlib.Path(folder) / "log"
        with open(log, "w") as file:
            try:
                gateway = Gateway(
                    binary, None, file, settings, preexec_fn=lambda: confine(code), **account
                )
            except SystemExit as fault:
                return f"{fault}\n{log.read_text()[-2000:]}"
            command = ["mosquitto_pub", "-p", str(gateway.port), "-q", "1", "-t", "a", "-m", "b"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60).stderr
            gateway.process.send_signal(1)  # SIGHUP
            ended = gateway.end()
        return said or (f"exit code {ended}\n{log.read_text()[-2000:]}" if ended else None)


def reads():
    """systemd finds nothing wrong with the unit, but that the binary is not installed."""
    text = UNIT.read_text().replace("/usr/bin/tributary", "/bin/true")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / UNIT.name
        path.write_text(text)
        code, said = analyze("verify", "--man=no", str(path))
        # Of other units, and of a user that the test does not make, nothing is to be said.
        ours = [line for line in said.splitlines() if UNIT.name in line]
        return "\n".join(ours) or (said if code else None)


def rates():
    code, said = analyze(
        "security", "--offline=yes", f"--threshold={EXPOSURE_TENTHS_MAX}", "--no-pager", str(UNIT)
    )
    verdict = [line for line in said.splitlines() if "exposure level" in line]
    print(*verdict)
    return None if code == 0 and verdict else said[-4000:]


def makes_the_user():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "etc").mkdir()
        command = ["systemd-sysusers", f"--root={folder}", str(SYSUSERS)]
        done = subprocess.run(command, capture_output=True, text=True)
        made = pathlib.Path(folder) / "etc/passwd"
        if done.returncode != 0 or not made.exists():
            return done.stderr or "no /etc/passwd"
        return None if re.search(r"^tributary:", made.read_text(), re.M) else made.read_text()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", required=True, help="the binary to start")
    binary = parser.parse_args().gateway
    if not shutil.which("systemd-analyze"):
        print("unit: not checked, there is no systemd-analyze here")
        return 0
    checks = {"systemd reads it": reads, "systemd rates it": rates}
    checks["sysusers makes its user"] = makes_the_user
    if platform.machine() == "x86_64":
        checks["the gateway lives in its filter"] = lambda: lives(binary)
    else:
        print("unit: its filter is checked on x86_64 alone")
    failed = 0
    for name, check in checks.items():
        fault = check()
        failed += fault is not None
        print(f"PASS {name}" if fault is None else f"FAIL {name}: {fault}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
