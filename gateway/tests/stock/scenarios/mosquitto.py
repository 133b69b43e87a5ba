"""mosquitto_sub, mosquitto_pub and mosquitto_rr: a process for each step, as in a shell script."""

import contextlib
import subprocess
import time

import harness
from harness import DOWN_CUTS, GRACE_SECS, MUTUAL_PORT, PORT, TLS_PORT, WAIT_SECS
from harness import Control, check, equal, pem, scenario

control = Control()
V4, V5 = "mqttv311", "mqttv5"


def command(program, *arguments, version=V5, port=PORT):
    fixed = [f"mosquitto_{program}", "-h", "127.0.0.1", "-p", str(port), "-V", version]
    return [*fixed, *map(str, arguments)]


def run(program, *arguments, stdin="", code=0, **where):
    """Runs a program to its end and returns its lines."""
    done = subprocess.run(
        command(program, *arguments, **where),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=WAIT_SECS + 5,
    )
    check(done.returncode == code, f"{program} {arguments}: {done.returncode} {done.stderr}")
    return done.stdout.splitlines()


@contextlib.contextmanager
def listening(program, *arguments, **where):
    """A program that goes on; its subscriptions are acknowledged before the block begins."""
    process = subprocess.Popen(
        ["stdbuf", "-oL", *command(program, *arguments, "-d", **where)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.early = []  # what a resumed session brings before the SUBACK
    try:
        for line in process.stdout:
            if "received SUBACK" in line:
                break
            process.early.append(line.rstrip("\n"))
        yield process
    finally:
        process.kill()
        process.wait()


def heard(process, secs=WAIT_SECS):
    """What it prints until its end, without what -d adds."""
    said, _ = process.communicate(timeout=secs)
    noise = ("Client ", "Subscribed ", "All subscriptions")
    lines = getattr(process, "early", []) + said.splitlines()
    return [line for line in lines if line and not line.startswith(noise)]


@scenario("persistent session 3.1.1", version=V4)
@scenario("persistent session 5", version=V5)
def persistent_session(names, version):
    """-c keeps the session; -E leaves after the SUBACK; the queue comes with the next start."""
    who = ["-c", "-i", names.id("away"), "-q", 2, "-t", names.topic()]
    run("sub", *who, "-E", version=version)
    lines = [str(number) for number in range(20)]
    run("pub", "-t", names.topic(), "-q", 1, "-l", stdin="\n".join(lines), version=version)
    found = run("sub", *who, "-C", 20, "-F", "%q %p", version=version)
    equal(found, [f"1 {line}" for line in lines], "queued")
    clean = [each for each in who if each != "-c"]
    run("sub", *clean, "-E", version=version)
    run("pub", "-t", names.topic(), "-q", 1, "-m", "unheard", version=version)
    run("pub", "-t", names.topic(), "-q", 1, "-r", "-m", "new", version=version)
    equal(run("sub", *clean, "-C", 1, version=version), ["new"], "after a clean start")
    run("pub", "-t", names.topic(), "-q", 1, "-r", "-n", version=version)


@scenario("session expiry 5")
def session_expiry(names):
    """-x is the session's interval in seconds."""
    for secs, wanted in ((60, ["kept"]), (1, ["late"])):
        who = ["-c", "-i", names.id(f"x{secs}"), "-q", 1, "-t", names.topic(f"x{secs}")]
        run("sub", *who, "-x", secs, "-E")
        run("pub", "-t", names.topic(f"x{secs}"), "-q", 1, "-m", "kept")
        time.sleep(2.5)  # a session's age is what is tested
        with listening("sub", *who, "-x", secs, "-C", 1) as peer:
            run("pub", "-t", names.topic(f"x{secs}"), "-q", 1, "-m", "late")
            equal(heard(peer), wanted, f"a session of {secs} s after 2.5 s")


@scenario("QoS 2 down over cuts 3.1.1")
def qos_2_down(names):
    """mosquitto_sub comes back by itself with its in-flight state.

    Not with version 5: there libmosquitto 2.0.11 counts what is sent to it again against its own
    receive maximum and gives up with a protocol error. And not right behind a PUBREL: when it then
    cannot send its PUBCOMP, it forgets the message without having handed it over.
    """
    for number, cut in enumerate(cut for cut in DOWN_CUTS if cut != "down PUBREL 1 all"):
        topic, port = names.topic(f"t{number}"), control("open", "cut", cut)
        who = ["-c", "-i", names.id(f"s{number}"), "-q", 2, "-t", topic, "-C", 2]
        with listening("sub", *who, port=port, version=V4) as peer:
            run("pub", "-t", topic, "-q", 2, "-m", "once")
            run("pub", "-t", topic, "-q", 2, "-m", "next")
            equal(heard(peer, 15), ["once", "next"], f"after {cut}")
        equal(control("cuts", port), 1, f"connections cut at {cut}")


@scenario("shared subscription 5", version=V5)
@scenario("shared subscription 3.1.1", version=V4)
def shared(names, version):
    """Two processes share sixty lines; $share is offered to 3.1.1 clients just as well."""
    filters = f"$share/g/{names.topic('#')}"
    with contextlib.ExitStack() as stack:
        members = [
            stack.enter_context(
                listening("sub", "-i", names.id(f"m{n}"), "-q", 1, "-t", filters,
                          "-t", names.id("end"), version=version)
            )
            for n in range(2)
        ]  # fmt: skip
        lines = [str(number) for number in range(60)]
        run("pub", "-t", names.topic("a"), "-q", 1, "-l", stdin="\n".join(lines), version=version)
        time.sleep(GRACE_SECS)  # for a line that came twice: the counts below show a missing one
        for member in members:
            member.terminate()
        found = [heard(member) for member in members]
    equal(sorted(sum(found, []), key=int), lines, "lines together")
    check(min(map(len, found)) >= 10, f"balance of 60 over two: {[len(each) for each in found]}")


@scenario("will on reset 3.1.1", version=V4)
@scenario("will on reset 5", version=V5)
def will_on_reset(names, version):
    """The will of a killed connection is retained for those who come later, too."""
    port, topic = control("open"), names.topic("will")
    will = ["--will-topic", topic, "--will-payload", "gone", "--will-qos", 2, "--will-retain"]
    with listening("sub", "-t", topic, "-q", 2, "-C", 1, "-F", "%q %r %p", version=version) as peer:
        who = ["-t", names.topic(), "-i", names.id("mortal")]
        with listening("sub", *who, *will, version=version, port=port) as mortal:
            equal(control("reset", port), 1, "connections reset")
            equal(heard(peer), ["2 0 gone"], "to the one who listened")
            mortal.kill()
    late = run("sub", "-t", topic, "-q", 1, "-C", 1, "-F", "%q %r %p", version=version)
    equal(late, ["1 1 gone"], "to the one who came later")
    run("pub", "-t", topic, "-r", "-n", version=version)


@scenario("retained 3.1.1", version=V4)
@scenario("retained 5", version=V5)
def retained(names, version):
    """--retained-only ends with the first live message; --remove-retained clears."""
    for rest in ("a", "a/b", "a/b/c"):
        run("pub", "-t", names.topic(rest), "-q", 1, "-r", "-m", rest, version=version)
    arguments = ["-t", names.topic("#"), "-F", "%r %p"]
    found = run("sub", *arguments, "-C", 3, version=version)
    equal(sorted(found), ["1 a", "1 a/b", "1 a/b/c"], "retained")
    # It is no message to it that it clears, hence no count: only time ends it, with code 27.
    run("sub", *arguments, "-W", 1, "--remove-retained", version=version, code=27)
    with listening("sub", *arguments, "-C", 1, version=version) as peer:
        run("pub", "-t", names.topic("a"), "-m", "live", version=version)
        equal(heard(peer), ["0 live"], "after the clearing")


@scenario("properties 5")
def publish_properties(names):
    """Every property that mosquitto_sub can print, and the user properties in their order."""
    topic = names.topic()
    made = ["content-type", "text/plain", "response-topic", "r", "correlation-data", "c"]
    made += ["payload-format-indicator", "1", "message-expiry-interval", "60"]
    given = [word for pair in zip(made[::2], made[1::2]) for word in ("-D", "publish", *pair)]
    for key, value in (("z", "1"), ("a", "2"), ("z", "1")):
        given += ["-D", "publish", "user-property", key, value]
    form = ["-F", "%S|%C|%R|%D|%F|%P|%p"]
    identifier = ["-D", "subscribe", "subscription-identifier", 99]
    with listening("sub", "-t", topic, "-q", 1, "-C", 1, *identifier, *form) as peer:
        run("pub", "-t", topic, "-q", 1, "-m", "x", *given)
        equal(heard(peer), ["99|text/plain|r|c|1|z:1 a:2 z:1|x"], "properties")


@scenario("message expiry 5")
def message_expiry(names):
    """%E prints the seconds that are left."""
    who = ["-c", "-x", 60, "-i", names.id("away"), "-q", 1, "-t", names.topic()]
    run("sub", *who, "-E")
    for secs in (1, 100):
        expiry = ["-D", "publish", "message-expiry-interval", secs]
        run("pub", "-t", names.topic(), "-q", 1, "-m", secs, *expiry)
    time.sleep(2.5)  # a message's age is what is tested
    payload, left = run("sub", *who, "-C", 1, "-F", "%p %E")[0].split()
    check(payload == "100" and 90 <= int(left) <= 98, f"{payload} with {left} s left")


@scenario("topic aliases upwards 5")
def aliases(names):
    """mosquitto_pub names the topic once and then says the alias alone."""
    with listening("sub", "-t", names.topic("#"), "-q", 1, "-C", 3, "-F", "%t %p") as peer:
        alias = ["-D", "publish", "topic-alias", 5]
        run("pub", "-t", names.topic("a"), "-q", 1, "-l", *alias, stdin="1\n2\n3")
        equal(heard(peer), [f"{names.topic('a')} {n}" for n in (1, 2, 3)], "messages")


@scenario("request and response 5")
def request_response(names):
    """mosquitto_rr asks; a mosquitto_sub and a mosquitto_pub answer."""
    form = ["-F", "%R %D %p"]
    with listening("sub", "-t", names.topic("ask"), "-q", 1, "-C", 1, *form) as server:
        asking = ["-t", names.topic("ask"), "-e", names.topic("answer"), "-q", 1, "-m", "why?"]
        correlated = ["-D", "publish", "correlation-data", "42"]
        process = subprocess.Popen(
            command("rr", *asking, *correlated, "-W", WAIT_SECS, "-F", "%D %p"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            answer_to, data, payload = heard(server)[0].split()
            equal((answer_to, data, payload), (names.topic("answer"), "42", "why?"), "the request")
            made = ["-D", "publish", "correlation-data", data]
            run("pub", "-t", answer_to, "-q", 1, "-m", "therefore", *made)
            equal(heard(process), ["42 therefore"], "the answer")
        finally:
            process.kill()
            process.wait()


@scenario("wildcards 3.1.1", version=V4)
@scenario("wildcards 5", version=V5)
def wildcards(names, version):
    """Empty levels, UTF-8 and -U, which unsubscribes from what it was subscribed to before."""
    filters = ["-t", names.topic("+/x"), "-t", names.topic("/+"), "-t", names.topic("räume/#")]
    wanted = ["/x", "a/x", "/", "räume", "räume/küche/温度"]
    with listening("sub", *filters, "-q", 1, "-C", 5, "-F", "%t", version=version) as peer:
        for rest in ("b", "a/x/y", *wanted):
            run("pub", "-t", names.topic(rest), "-q", 1, "-m", "m", version=version)
        # Two filters match `/x`: a copy for each is as good as one copy.
        found = list(dict.fromkeys(heard(peer)))
    check(found == [names.topic(rest) for rest in wanted][: len(found)], f"{found}")
    check(len(found) >= 4, f"{found}")


@scenario("$SYS 3.1.1", version=V4)
@scenario("$SYS 5", version=V5)
def sys_tree(names, version):
    """What mosquitto's own dashboards ask for is there under mosquitto's names."""
    for rest in ("version", "clients/total", "messages/received", "load/messages/received/1min"):
        who = ["-t", f"$SYS/broker/{rest}", "-C", 1, "-W", 15, "-F", "%t %p"]
        topic, _, payload = run("sub", *who, version=version)[0].partition(" ")
        check(topic == f"$SYS/broker/{rest}" and payload, f"{topic} {payload!r}")


def tls_ways():
    """Words and port for each way under TLS; `--insecure` is nowhere, so names are checked, too."""
    trusting = ["--cafile", pem("authority.pem")]
    shown = [*trusting, "--cert", pem("client.pem"), "--key", pem("client.key")]
    yield "TLS", [*trusting, "--tls-version", "tlsv1.3"], TLS_PORT
    yield "TLS with a certificate", [*shown, "--tls-version", "tlsv1.3"], MUTUAL_PORT


def under_tls(names, version, words, port):
    """Lines and 100 KB of both higher QoS, up by TLS and down by TLS; then a session is kept."""
    where = {"version": version, "port": port}
    large = "0123456789abcdef" * 6400
    for qos in (1, 2):
        who = ["-t", names.topic(f"q{qos}"), "-q", qos]
        with listening("sub", *words, *who, "-C", 4, "-F", "%q %p", **where) as peer:
            run("pub", *words, *who, "-l", stdin="a\nb\nc", **where)
            run("pub", *words, *who, "-s", stdin=large, **where)
            equal(heard(peer), [f"{qos} {each}" for each in ("a", "b", "c", large)], "messages")
    who = ["-c", "-i", names.id("away"), "-q", 1, "-t", names.topic()]
    run("sub", *words, *who, "-E", **where)
    run("pub", "-t", names.topic(), "-q", 1, "-m", "for TCP", version=version)
    equal(run("sub", *who, "-C", 1, version=version), ["for TCP"], "a session that began by TLS")
    run("pub", "-t", names.topic(), "-q", 1, "-m", "for TLS", version=version)
    equal(run("sub", *words, *who, "-C", 1, **where), ["for TLS"], "and goes on by TLS")
    run("sub", *[word for word in who if word != "-c"], "-E", version=version)


def refused_under_tls(names):
    """mosquitto_pub's errors, and nothing of it is published."""
    authority, stranger = (["--cafile", pem(f"{name}.pem")] for name in ("authority", "stranger"))
    impostor = [*authority, "--cert", pem("impostor.pem"), "--key", pem("impostor.key")]
    faults = [
        ("a server of a stranger", stranger, TLS_PORT),
        ("no certificate", authority, MUTUAL_PORT),
        ("a stranger's certificate", impostor, MUTUAL_PORT),
        ("no TLS", [], TLS_PORT),
    ]
    with listening("sub", "-t", names.topic("#"), "-q", 1, "-C", 1) as witness:
        for what, words, port in faults:
            message = ["-t", names.topic(), "-q", 1, "-m", what]
            done = subprocess.run(
                command("pub", *words, *message, port=port),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=WAIT_SECS + 5,
            )
            check(done.returncode != 0, f"published in spite of {what}")
        run("pub", *authority, "-t", names.topic(), "-q", 1, "-m", "allowed", port=TLS_PORT)
        equal(heard(witness), ["allowed"], "what the witness got first")


if TLS_PORT:
    for way, arguments, tls_port in tls_ways():
        for name, level in (("3.1.1", V4), ("5", V5)):
            added = scenario(f"{way} {name}", version=level, words=arguments, port=tls_port)
            added(under_tls)
    scenario("TLS refused 5")(refused_under_tls)


if __name__ == "__main__":
    harness.main()
