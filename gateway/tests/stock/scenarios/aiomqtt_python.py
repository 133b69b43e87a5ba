"""aiomqtt, the asyncio client: messages as an iterator, acknowledgements as awaits."""

import asyncio
import contextlib
import logging

import aiomqtt
from aiomqtt import ProtocolVersion

import harness
from harness import DOWN_CUTS, GRACE_SECS, HOST, PORT, WAIT_SECS, Control, check, equal
from paho_peer import options, properties

control = Control()
logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # it warns of what is tested here
V4, V5 = ProtocolVersion.V311, ProtocolVersion.V5


def scenario(name, **arguments):
    """As in harness, for coroutines."""

    def add(function):
        def run(names, **each):
            asyncio.run(function(names, **each))

        harness.scenario(name, **arguments)(run)
        return function

    return add


def client(client_id, version=V5, port=PORT, clean=True, expiry=None, **values):
    if version == V4:
        values["clean_session"] = clean
    else:
        values["clean_start"] = clean
        if expiry is not None:
            values["properties"] = properties("CONNECT", SessionExpiryInterval=expiry)
    return aiomqtt.Client(
        HOST, port, identifier=client_id, protocol=version, timeout=WAIT_SECS, **values
    )


async def take(peer, count):
    """The next `count` messages."""
    async with asyncio.timeout(WAIT_SECS):
        return [await anext(aiter(peer.messages)) for _ in range(count)]


async def texts(peer, count):
    return [message.payload.decode() for message in await take(peer, count)]


async def silence(peer, what):
    """Nothing comes beside a message that makes a whole round trip."""
    await peer.subscribe(f"fence/{id(peer):x}")
    await peer.publish(f"fence/{id(peer):x}", "fence")
    equal(await texts(peer, 1), ["fence"], what)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECS):
            check(False, f"{what}: {(await anext(aiter(peer.messages))).payload!r}")


@scenario("persistent session 3.1.1", version=V4, expiry=None)
@scenario("persistent session 5", version=V5, expiry=300)
async def persistent_session(names, version, expiry):
    """What was published meanwhile comes in order; a clean start forgets it all."""
    topic, away_id = names.topic(), names.id("away")
    async with client(away_id, version, clean=False, expiry=expiry) as away:
        await away.subscribe(topic, qos=2)
    async with client(names.id("source"), version) as source:
        for number in range(20):
            await source.publish(topic, f"{number}", qos=1)
        async with client(away_id, version, clean=False, expiry=expiry) as away:
            equal(await texts(away, 20), [str(n) for n in range(20)], "queued")
        async with client(away_id, version, clean=True) as away:
            await source.publish(topic, "to nobody", qos=1)
            await silence(away, "after a clean start")


@scenario("QoS 2 down over cuts")
async def qos_2_down(names):
    """aiomqtt forgets its half with the object; the server's half still ends each exchange."""
    async with client(names.id("source")) as source:
        for number, cut in enumerate(DOWN_CUTS):
            topic, port = names.topic(f"t{number}"), control("open", "cut", cut)
            who = {"client_id": names.id(f"s{number}"), "clean": False, "expiry": 60}
            found = []
            with contextlib.suppress(aiomqtt.MqttError):
                async with client(port=port, **who) as peer:
                    await peer.subscribe(topic, qos=2)
                    await source.publish(topic, "once", qos=2)
                    while True:
                        found += await texts(peer, 1)
            equal(control("cuts", port), 1, f"connections cut at {cut}")
            await source.publish(topic, "next", qos=2)
            async with client(**who) as peer:
                while found[-1:] != ["next"]:
                    found += await texts(peer, 1)
                await silence(peer, f"beside it after {cut}")
            # A client that lost the message together with its memory after its PUBREC gets the
            # PUBREL alone: then and only then nothing else can bring the message back.
            lost = cut.split()[1] == "PUBREL" or cut in ("up PUBREC 1 all",)
            wanted = [["once", "next"]] + ([["next"]] if lost else [])
            check(found in wanted, f"{found} after {cut}")


@scenario("shared subscription")
async def shared(names):
    """Three iterators share the work; a slow one is no reason for a message to be lost."""
    async with contextlib.AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(client(names.id(f"m{number}"))) for number in range(3)
        ]
        source = await stack.enter_async_context(client(names.id("source")))
        for member in members:
            await member.subscribe(f"$share/workers/{names.topic('#')}", qos=2)
        for number in range(90):
            await source.publish(names.topic("jobs"), f"{number}", qos=2)
        found = []
        for member in members:
            await member.subscribe(names.id("fence"))
        await source.publish(names.id("fence"), "fence")
        for member in members:
            mine = []
            while "fence" not in mine or sum(map(len, found)) + len(mine) < 90 and len(mine) <= 30:
                mine += await texts(member, 1)
            found.append([each for each in mine if each != "fence"])
        equal(sorted(sum(found, []), key=int), [str(n) for n in range(90)], "jobs together")
        counts = [len(each) for each in found]
        check(min(counts) >= 10, f"balance of 90 over three: {counts}")


@scenario("will on reset")
async def will_on_reset(names):
    """A broken connection publishes the will, the end of `async with` does not."""
    will = aiomqtt.Will(names.topic("will"), "gone", qos=1)
    port = control("open")
    async with client(names.id("watcher")) as watcher:
        await watcher.subscribe(names.topic("#"), qos=1)
        async with client(names.id("polite"), will=will):
            pass
        await silence(watcher, "after DISCONNECT")
        with contextlib.suppress(aiomqtt.MqttError):
            async with client(names.id("mortal"), port=port, will=will) as mortal:
                equal(control("reset", port), 1, "connections reset")
                await take(mortal, 1)
        equal(await texts(watcher, 1), ["gone"], "after RST")


@scenario("retained with handling")
async def retained(names):
    """Retain Handling 1: on the new subscription, not on the same one again."""
    async with client(names.id("source")) as source, client(names.id("s")) as peer:
        await source.publish(names.topic("a/b"), "kept", qos=1, retain=True)
        handling = options(1, retainHandling=1, retainAsPublished=True)
        await peer.subscribe(names.topic("+/b"), options=handling)
        message = (await take(peer, 1))[0]
        equal((message.retain, message.qos), (True, 1), "RETAIN and QoS")
        await peer.subscribe(names.topic("+/b"), options=handling)
        await silence(peer, "the same subscription again")
        await source.publish(names.topic("a/b"), "", qos=1, retain=True)
        message = (await take(peer, 1))[0]
        equal((message.payload, message.retain), (b"", True), "the clearing one as published")


@scenario("request and response")
async def request_response(names):
    """A server of requests and two who ask at once."""
    async with client(names.id("server")) as server:
        await server.subscribe(names.topic("ask"), qos=1)

        async def serve(count):
            for request in await take(server, count):
                told = request.properties
                made = properties("PUBLISH", CorrelationData=told.CorrelationData)
                await server.publish(told.ResponseTopic, request.payload, 1, properties=made)

        async def ask(number):
            topic = names.topic(f"answer/{number}")
            async with client(names.id(f"asking{number}")) as asking:
                await asking.subscribe(topic, qos=1)
                made = properties("PUBLISH", ResponseTopic=topic, CorrelationData=b"\0%d" % number)
                await asking.publish(names.topic("ask"), str(number), 1, properties=made)
                answer = (await take(asking, 1))[0]
                equal(answer.payload, str(number).encode(), "answer")
                equal(answer.properties.CorrelationData, b"\0%d" % number, "correlation data")

        await asyncio.gather(serve(2), ask(1), ask(2))


@scenario("many in flight QoS 1", qos=1)
@scenario("many in flight QoS 2", qos=2)
async def many_in_flight(names, qos):
    """Hundreds of publishes awaited together, each of them also coming back."""
    async with client(names.id("peer"), max_inflight_messages=20) as peer:
        await peer.subscribe(names.topic(), qos=qos)
        sends = [peer.publish(names.topic(), str(number), qos) for number in range(300)]
        await asyncio.gather(*sends)
        equal(await texts(peer, 300), [str(number) for number in range(300)], "messages")


if __name__ == "__main__":
    harness.main()
