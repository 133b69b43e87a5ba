"""An authority for one run, and what it signs: made by openssl, thrown away with the next run."""
import subprocess

import servers

NAME = "gateway.test"
FOLDER = servers.FOLDER / "pki"
DAYS = "2"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def make():
    """A P-256 authority, a server's certificate and a client's."""
    servers.fresh(FOLDER)
    _openssl("req", "-x509", *NEW_KEY, "-keyout", _path("ca.key"), "-out", authority(),
             "-subj", "/CN=authority of this run", "-days", DAYS)
    for who in ("server", "client"):
        extensions = FOLDER / f"{who}.ext"
        extensions.write_text(f"subjectAltName = DNS:{NAME}\nextendedKeyUsage = {who}Auth\n"
                              "basicConstraints = CA:FALSE\n")
        _openssl("req", *NEW_KEY, "-keyout", key(who), "-out", _path(f"{who}.csr"),
                 "-subj", f"/CN={who}")
        _openssl("x509", "-req", "-in", _path(f"{who}.csr"), "-CA", authority(), "-CAkey",
                 _path("ca.key"), "-CAcreateserial", "-days", DAYS, "-extfile", str(extensions),
                 "-out", chain(who))


def authority():
    return _path("ca.pem")


def chain(who):
    return _path(f"{who}.pem")


def key(who):
    return _path(f"{who}.key")


def _path(name):
    """From the repository's root, where everything is started: a report then names no machine's."""
    return str(FOLDER / name)


def _openssl(*words):
    done = subprocess.run(("openssl",) + words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr[-500:]}")
