"""Makes the certificates of a run and the listeners that show them: EC P-256, good for two days."""

import subprocess

# The extensions of each kind; clients that check strictly want all of these.
_EXTENSIONS = """
[req]
distinguished_name = nothing
[nothing]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
extendedKeyUsage = clientAuth
"""

# Of the two record layers each has a listener, and 1.2 is offered by one alone.
_LISTENERS = """
[listen.secure]
address = "127.0.0.1:0"
protocol = "mqtts"
record_layer = "lean"
certificates = [{{ chain = "{0}/server.pem", key = "{0}/server.key" }}]

[listen.mutual]
address = "127.0.0.1:0"
protocol = "mqtts"
record_layer = "rustls"
tls_versions = ["1.3", "1.2"]
client_auth = "required"
client_ca = "{0}/authority.pem"
certificates = [{{ chain = "{0}/server.pem", key = "{0}/server.key" }}]

[listen.secureweb]
address = "127.0.0.1:0"
protocol = "wss"
record_layer = "lean"
certificates = [{{ chain = "{0}/server.pem", key = "{0}/server.key" }}]
"""


class Pki:
    """A folder with NAME.pem and NAME.key of: `authority` and the `server` and `client` that it has
    signed; `stranger`, an authority that the gateway does not trust, and its `impostor`.

    `client.p12` is the client for Java, with the password `stock`.
    """

    def __init__(self, folder):
        self.folder = folder
        (folder / "extensions").write_text(_EXTENSIONS)
        self._make("authority", "authority")
        self._make("server", "server", by="authority")
        self._make("client", "client", by="authority")
        self._make("stranger", "authority")
        self._make("impostor", "client", by="stranger")
        pair = ["-inkey", "client.key", "-in", "client.pem"]
        self._openssl("pkcs12", "-export", *pair, "-out", "client.p12", "-passout", "pass:stock")

    def listeners(self):
        """The path of a configuration file with a listener of each kind under TLS."""
        config = self.folder / "listeners.toml"
        config.write_text(_LISTENERS.format(self.folder))
        return config

    def _make(self, name, kind, by=None):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        signed = ["-CA", f"{by}.pem", "-CAkey", f"{by}.key"] if by else []
        about = ["-subj", f"/CN=stock {name}", "-days", "2", "-config", "extensions"]
        out = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        self._openssl("req", "-x509", *key, *signed, *about, "-extensions", kind, *out)

    def _openssl(self, *words):
        done = subprocess.run(
            ["openssl", *words], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True
        )
        if done.returncode != 0:
            raise SystemExit(f"openssl {' '.join(words)}: {done.stderr.decode()}")
