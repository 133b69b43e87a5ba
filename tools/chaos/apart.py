"""What only namespaces of our own allow: names, packets and disks that are nobody else's."""
import os
import shutil
import subprocess

import shim

INSIDE = "TRIBUTARY_CHAOS_INSIDE"
# All processes end with the first, and with them network and mounts.
COMMAND = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
           "--propagation", "private"]
TABLE = "chaos"


def enter(command):
    """Starts the command again in namespaces of its own where that is possible, else as it is."""
    can = os.geteuid() == 0 and shutil.which("ip") and shutil.which("unshare")
    can = can and subprocess.run(COMMAND + ["true"], check=False,
                                 capture_output=True).returncode == 0
    os.environ[INSIDE] = "yes" if can else "no"
    if can:
        os.execvp(COMMAND[0], COMMAND + command)
    os.execv(command[0], command)


def is_entered():
    return INSIDE in os.environ


def bring_up():
    if os.environ[INSIDE] == "yes":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def missing(needs):
    """Of what a fault needs, what is not here."""
    here = {
        "namespaces": os.environ[INSIDE] == "yes",
        "nft": shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None,
        "cc": shim.Shim.is_possible(),
    }
    return [need for need in needs if not here[need]]


def set_hosts(path, name, address):
    """Gives a name its address; the first time it puts the file in the place of /etc/hosts."""
    is_new = not path.exists()
    # Written where it is: the mount is on the file, not on its name.
    path.write_text(f"127.0.0.1 localhost\n{address} {name}\n")
    if is_new:
        subprocess.run(["mount", "--bind", str(path), "/etc/hosts"], check=True)


def forget_hosts():
    subprocess.run(["umount", "/etc/hosts"], check=False)


def drop_packets(brokers):
    """Between us and these, both ways."""
    ports = ", ".join(broker.rsplit(":", 1)[1] for broker in brokers.split(","))
    rules = "".join(f"add rule ip {TABLE} out tcp {end} {{ {ports} }} drop\n"
                    for end in ("dport", "sport"))
    _nft(f"add table ip {TABLE}\n"
         f"add chain ip {TABLE} out {{ type filter hook output priority 0; }}\n{rules}")


def let_packets_pass():
    """Also where none are dropped; without namespaces none ever were."""
    if os.environ[INSIDE] == "yes":
        # Adding what is there is no error, deleting what is not is one.
        _nft(f"add table ip {TABLE}\ndelete table ip {TABLE}\n")


def mount_small_disk(folder, size_bytes):
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)],
                   check=True)


def _nft(rules):
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True,
                   env=dict(os.environ, PATH=path))
