"""The faults of the machine under the gateway: its disk and its clock."""
import random

import apart
from faults import FIRST, IN_OUTAGE, WITHHOLD, fault
from shim import Shim

DISK_BYTES = 24 << 20
SPOOL_BYTES_MAX = 64 << 20
# So far from Kafka's word that the lane is down by its own judgement (5 s), with the spool in use.
OUTAGE_SECS = 12
CORRUPT_BYTES = 40
CORRUPT_PLACES = 5
HOUR_SECS = 3_600


def _on_small_disk(stand):
    apart.mount_small_disk(stand.gateway.spool, DISK_BYTES)
    stand.gateway.spool_bytes_max = SPOOL_BYTES_MAX


def _with_shim(stand):
    stand.shim = Shim(stand.folder)
    stand.gateway.environment |= stand.shim.environment()


@fault(IN_OUTAGE, FIRST, needs=("namespaces",), prepare=_on_small_disk, payload=512)
def disk_full(stand):
    """The broker is stopped until the disk of the spool (a tmpfs of 24 MiB) is full, and 5 s more;
    what finds no room is refused with reason 0x97, and not counted as acknowledged."""
    def refused():
        return stand.watcher.last.of("publishes_refused")
    stand.kafka.pause(1)
    stand.await_that(lambda: refused() > 0, 300, "the disk is not full")
    stand.sleep(5)
    stand.kafka.resume(1)


@fault(IN_OUTAGE, FIRST, needs=("cc",), prepare=_with_shim)
def spool_unreadable(stand):
    """The broker is stopped for 12 s; when it is back, no read of the spool succeeds (EIO, by a
    library before libc) for 5 s."""
    stand.kafka.pause(1)
    stand.sleep(OUTAGE_SECS)
    stand.shim.fail_reads(True)
    stand.kafka.resume(1)
    stand.sleep(5)
    stand.shim.fail_reads(False)


@fault(FIRST)
def spool_corrupt(stand):
    """The broker is stopped, the gateway is killed, and 40 bytes are overwritten at 5 places of
    what only the spool had. That is lost, and must be counted to the last message; the rest must
    be there."""
    stand.kafka.pause(1)
    stand.sleep(2)
    before = _written(stand)
    stand.sleep(OUTAGE_SECS)
    stand.gateway.kill()
    after = _written(stand)
    (path, begin), (same, end) = before, after
    if path != same or end <= begin:
        raise RuntimeError(f"the spool did not grow in one file: {before}, {after}")
    chance = random.Random(8)
    with open(path, "r+b") as segment:
        for place in range(CORRUPT_PLACES):
            third = (end - begin) // 3
            segment.seek(begin + third + third * place // CORRUPT_PLACES)
            segment.write(chance.randbytes(CORRUPT_BYTES))
    stand.gateway.start()
    stand.kafka.resume(1)
    stand.await_that(lambda: stand.watcher.last.of("spool_recovered") > 0, 60, "no spool")
    corrupt = stand.watcher.last.of("spool_corrupt")
    if corrupt == 0:
        raise RuntimeError("no record was hit")
    stand.notes.append(f"{corrupt} records told as corrupt")
    return corrupt


def _written(stand):
    """The newest segment and where its last byte is that is not zero."""
    newest = max(stand.gateway.spool.glob("*.log"))
    return newest, len(newest.read_bytes().rstrip(b"\0"))


@fault(WITHHOLD, FIRST, needs=("cc",), prepare=_with_shim)
def clock_stepped(stand):
    """The gateway's wall clock steps an hour ahead, 5 s later two hours back, 10 s later to where
    it belongs (by a library before libc: CLOCK_REALTIME has no namespace; CLOCK_MONOTONIC cannot
    step)."""
    stand.shim.set_clock(HOUR_SECS)
    stand.sleep(5)
    stand.shim.set_clock(-HOUR_SECS)
    stand.sleep(10)
    stand.shim.set_clock(0)


@fault(WITHHOLD, IN_OUTAGE, needs=("cc",), prepare=_with_shim)
def clock_stepped_in_outage(stand):
    """The same while the broker is stopped for 20 s."""
    stand.kafka.pause(1)
    stand.sleep(2)
    clock_stepped(stand)
    stand.sleep(3)
    stand.kafka.resume(1)
