"""What the machine and its processes did while something was measured, read from /proc."""
import os
import platform
import resource
import subprocess
import time
from pathlib import Path

TICKS_PER_SEC = os.sysconf("SC_CLK_TCK")
NANOS_PER_SEC = 1e9
KIBIBYTE = 1024
# Cores that others may keep busy before a row is marked: their caches and wake-ups then show.
OTHERS_CORES_MAX = 0.15


def describe():
    """The host of a report."""
    model = _first(Path("/proc/cpuinfo").read_text(), "model name").split(":")[-1].strip()
    memory_kib = int(_first(Path("/proc/meminfo").read_text(), "MemTotal").split()[1])
    return {
        "kernel": platform.release(),
        "cpu_model": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / KIBIBYTE / KIBIBYTE, 1),
        "open_files_max": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    }


def commit():
    """The commit measured; a tree with changes in the programs says so."""
    def git(*words):
        done = subprocess.run(("git",) + words, capture_output=True, text=True, check=False)
        return done.stdout.strip()
    changed = git("status", "--porcelain", "--", "gateway", "loadgen", "Cargo.toml", "Cargo.lock")
    return (git("rev-parse", "HEAD") or "unknown") + (" with changes" if changed else "")


def allow_all_open_files():
    """Each client is a descriptor in the load generator and one in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_by_thread_secs(pid):
    """CPU seconds of the living threads of a process, summed by thread name."""
    by_name = {}
    for task in _tasks(pid):
        try:
            name = (task / "comm").read_text().strip()
            ran_ns = int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue  # The thread ended between the two looks.
        by_name[name] = by_name.get(name, 0) + ran_ns / NANOS_PER_SEC
    return by_name


def cpu_secs(pid):
    """CPU seconds of a process; ended threads are not in it."""
    return sum(cpu_by_thread_secs(pid).values())


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(_first(status, "VmRSS").split()[1]) * KIBIBYTE


def disk_bytes(pid):
    """What a process has sent to the disk."""
    return int(_first(Path(f"/proc/{pid}/io").read_text(), "write_bytes").split()[1])


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slab_bytes():
    """Kernel objects of everyone on the machine; only differences mean something."""
    meminfo = Path("/proc/meminfo").read_text()
    kib = (int(_first(meminfo, name).split()[1]) for name in ("SReclaimable", "SUnreclaim"))
    return sum(kib) * KIBIBYTE


class Watch:
    """Says how busy the machine was with other things than the measurement."""

    def __init__(self, own_pids):
        self.own_pids = own_pids
        self.began = self._look()

    def result(self):
        secs, busy, steal, own = (b - a for a, b in zip(self.began, self._look()))
        return {
            "load_average": os.getloadavg()[0],
            "others_cores": round(max(0.0, (busy - own) / secs), 3),
            "steal_cores": round(steal / secs, 3),
        }

    def _look(self):
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _wait, irq, softirq, steal = (int(word) for word in words[:8])
        busy = (user + nice + system + irq + softirq) / TICKS_PER_SEC
        ours = sum(cpu_secs(pid) for pid in self.own_pids)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            ours += used.ru_utime + used.ru_stime
        return time.monotonic(), busy, steal / TICKS_PER_SEC, ours


def _tasks(pid):
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def _first(text, name):
    return next(line for line in text.splitlines() if line.startswith(name))
