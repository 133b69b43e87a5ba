"""The ways into a server that are compared: its listener, and the flags of clients that take it."""
import pki
import servers

TLS = ["--tls", pki.authority(), "--tls-name", pki.NAME]
CERTIFICATE = ["--tls-cert", pki.chain("client"), "--tls-key", pki.key("client")]
WEBSOCKET = ["--ws", "/mqtt"]
# So that the budget for handshakes is not what is measured.
NO_BUDGET = 1_000_000
PLAIN, LEAN, RUSTLS = "plain", "TLS, lean", "TLS, rustls"
MOSQUITTO, MOSQUITTO_TLS = "mosquitto", "mosquitto, TLS"


class Way:
    """A server to start, by which its clients come as `flags` say."""

    def __init__(self, name, start, flags=()):
        self.name = name
        self.start = start
        self.flags = list(flags)


def listener(protocol="mqtt", name="mqtt", *lines):
    """A table of the gateway's configuration."""
    text = f'[listen.{name}]\naddress = "127.0.0.1:0"\nprotocol = "{protocol}"\n'
    if protocol in ("mqtts", "wss"):
        chain, key = pki.chain("server"), pki.key("server")
        text += f'certificates = [{{ chain = "{chain}", key = "{key}" }}]\n'
    return text + "".join(f"{line}\n" for line in lines)


def budget(full_per_sec=NO_BUDGET, resumed_per_sec=NO_BUDGET):
    return (f"[tls]\nfull_handshakes_per_sec = {full_per_sec}\n"
            f"resumed_handshakes_per_sec = {resumed_per_sec}\n")


def layer(name):
    return f'record_layer = "{name}"'


def clients_shown():
    return ['client_auth = "required"', f'client_ca = "{pki.authority()}"']


def gateway(name, flags, protocol="mqtt", *lines):
    def start():
        return servers.gateway(listener(protocol, "mqtt", *lines) + servers.NULL_ROUTE + budget())
    return Way(name, start, flags)


def plain():
    return gateway(PLAIN, [])


def lean():
    return gateway(LEAN, TLS, "mqtts", layer("lean"))


def rustls():
    return gateway(RUSTLS, TLS, "mqtts", layer("rustls"))


def with_certificates(name):
    return gateway(f"TLS, {name}, certificates", TLS + CERTIFICATE, "mqtts", layer(name),
                   *clients_shown())


def mosquitto():
    """Without TLS and with it; nothing where it is not installed."""
    if not servers.mosquitto_program():
        return []
    secure = [f"certfile {pki.chain('server')}", f"keyfile {pki.key('server')}"]
    return [
        Way(MOSQUITTO, servers.mosquitto),
        Way(MOSQUITTO_TLS, lambda: servers.mosquitto("persistence false", *secure), TLS),
    ]
