// HiveMQ's client, stock in Java, with its own reconnects: in version 5, and once in 3.1.1.
import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishResult;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5RetainHandling;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5Subscription;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5SubscriptionBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

final class HiveMq {
    private static final MqttQos[] QOS = MqttQos.values();

    /** A client with waiting in place of callbacks; it reconnects by itself. */
    static final class Peer {
        final BlockingQueue<Mqtt5Publish> arrived = new LinkedBlockingQueue<>();
        final BlockingQueue<Boolean> ups = new LinkedBlockingQueue<>();
        final BlockingQueue<Boolean> downs = new LinkedBlockingQueue<>();
        final Mqtt5AsyncClient client;
        final int port;
        Mqtt5ConnAck connack;

        Peer(String id, int port, boolean manualAcks) {
            this(id, port, manualAcks, null);
        }

        /** Without `tls` by plain TCP. */
        Peer(String id, int port, boolean manualAcks, MqttClientSslConfig tls) {
            var builder = MqttClient.builder().useMqttVersion5().sslConfig(tls);
            if (!id.isEmpty()) {
                builder = builder.identifier(id);
            }
            this.port = port;
            client = builder.serverHost("127.0.0.1").serverPort(port)
                    .automaticReconnect().initialDelay(50, TimeUnit.MILLISECONDS)
                    .maxDelay(200, TimeUnit.MILLISECONDS).applyAutomaticReconnect()
                    .addConnectedListener(context -> ups.add(true))
                    .addDisconnectedListener(context -> downs.add(true))
                    .buildAsync();
            client.publishes(MqttGlobalPublishFilter.ALL, arrived::add, manualAcks);
        }

        Peer connect(UnaryOperator<Mqtt5ConnectBuilder> with) throws Exception {
            connack = await(client.connect(with.apply(Mqtt5Connect.builder()).build()), "CONNACK");
            Harness.take(ups, "the connection");
            return this;
        }

        void subscribe(String filter, int qos) throws Exception {
            subscribe(with -> with.topicFilter(filter).qos(QOS[qos]));
        }

        void subscribe(Options options) throws Exception {
            var subscription = options.of(Mqtt5Subscription.builder()).build();
            var sent = client.subscribeWith().addSubscription(subscription).send();
            var suback = await(sent, "SUBACK");
            Harness.equal(suback.getReasonCodes().get(0).getCode(), subscription.getQos().getCode(),
                    "SUBACK");
        }

        CompletableFuture<Mqtt5PublishResult> send(Mqtt5Publish publish) {
            return client.publish(publish);
        }

        void publish(String topic, String text, int qos) throws Exception {
            publish(message(topic, text, qos).build());
        }

        void publish(Mqtt5Publish publish) throws Exception {
            var result = await(send(publish), "acknowledgement");
            Harness.check(result.getError().isEmpty(), "publish: " + result);
        }

        Mqtt5Publish take() throws Exception {
            return Harness.take(arrived, "a message");
        }

        List<String> texts(int count) throws Exception {
            var found = new ArrayList<String>();
            while (found.size() < count) {
                found.add(text(take()));
            }
            return found;
        }

        /** What arrives beside a message that makes a whole round trip. */
        List<Mqtt5Publish> quiet() throws Exception {
            var fence = "fence/" + ProcessHandle.current().pid() + "/" + hashCode();
            subscribe(fence, 0);
            publish(fence, "fence", 0);
            var found = new ArrayList<Mqtt5Publish>();
            for (var next = take(); !next.getTopic().toString().equals(fence); next = take()) {
                found.add(next);
            }
            await(client.unsubscribeWith().topicFilter(fence).send(), "UNSUBACK");
            Thread.sleep(Harness.GRACE_MS);
            arrived.drainTo(found);
            return found;
        }

        List<String> quietTexts() throws Exception {
            return quiet().stream().map(HiveMq::text).collect(Collectors.toList());
        }

        void end() throws Exception {
            await(client.disconnect(), "end");
        }
    }

    interface Options {
        Mqtt5SubscriptionBuilder.Complete of(Mqtt5SubscriptionBuilder builder);
    }

    static <T> T await(CompletableFuture<T> future, String what) throws Exception {
        try {
            return future.get(Harness.WAIT_SECS, TimeUnit.SECONDS);
        } catch (Exception fault) {
            throw new AssertionError("no " + what + ": " + fault, fault);
        }
    }

    static String text(Mqtt5Publish publish) {
        return new String(publish.getPayloadAsBytes());
    }

    static com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishBuilder.Complete message(
            String topic, String text, int qos) {
        return Mqtt5Publish.builder().topic(topic).payload(text.getBytes()).qos(QOS[qos]);
    }

    static Peer peer(String id) throws Exception {
        return new Peer(id, Harness.PORT, false).connect(with -> with.cleanStart(true));
    }

    static Peer lasting(String id, int port) throws Exception {
        return new Peer(id, port, false)
                .connect(with -> with.cleanStart(false).sessionExpiryInterval(600));
    }

    static void persistentSession(Harness.Names names) throws Exception {
        var away = lasting(names.id("away"), Harness.PORT);
        Harness.check(!away.connack.isSessionPresent(), "session present at first");
        away.subscribe(names.topic("t"), 2);
        away.end();
        var source = peer(names.id("source"));
        for (int qos = 1; qos <= 2; qos++) {
            for (var text : Harness.numbers(20)) {
                source.publish(names.topic("t"), text, qos);
            }
        }
        away = lasting(names.id("away"), Harness.PORT);
        Harness.check(away.connack.isSessionPresent(), "no session present afterwards");
        var found = new ArrayList<Mqtt5Publish>();
        while (found.size() < 40) {
            found.add(away.take());
        }
        for (int qos = 1; qos <= 2; qos++) {
            var level = QOS[qos];
            var queued = found.stream().filter(each -> each.getQos() == level).map(HiveMq::text);
            Harness.equal(queued.collect(Collectors.toList()), Harness.numbers(20), "at " + level);
        }
        away.end();
        var fresh = peer(names.id("away"));
        Harness.check(!fresh.connack.isSessionPresent(), "session present after a clean start");
        source.publish(names.topic("t"), "to nobody", 1);
        Harness.equal(fresh.quietTexts(), List.of(), "after a clean start");
        fresh.end();
        source.end();
    }

    static void persistentSession3(Harness.Names names) throws Exception {
        var away = MqttClient.builder().useMqttVersion3().identifier(names.id("away"))
                .serverHost("127.0.0.1").serverPort(Harness.PORT).buildAsync();
        var arrived = new LinkedBlockingQueue<String>();
        away.publishes(MqttGlobalPublishFilter.ALL,
                each -> arrived.add(new String(each.getPayloadAsBytes())));
        var first = await(away.connectWith().cleanSession(false).send(), "CONNACK");
        Harness.check(!first.isSessionPresent(), "session present at first");
        await(away.subscribeWith().topicFilter(names.topic("t")).qos(QOS[1]).send(), "SUBACK");
        await(away.disconnect(), "end");
        var source = peer(names.id("source"));
        for (var text : Harness.numbers(20)) {
            source.publish(names.topic("t"), text, 2);
        }
        var again = await(away.connectWith().cleanSession(false).send(), "CONNACK");
        Harness.check(again.isSessionPresent(), "no session present afterwards");
        for (var text : Harness.numbers(20)) {
            Harness.equal(Harness.take(arrived, "a message"), text, "queued");
        }
        await(away.disconnect(), "end");
        source.end();
    }

    static void qos2Up(Harness.Names names) throws Exception {
        var witness = peer(names.id("witness"));
        witness.subscribe(names.topic("#"), 2);
        for (var cut : Harness.cuts("up", "down")) {
            var topic = names.topic(cut.hashCode());
            int port = Harness.control("open cut " + cut);
            var peer = lasting(names.id(cut.hashCode()), port);
            var done = peer.send(message(topic, "once", 2).build());
            Harness.take(peer.downs, "the cut");
            Harness.equal(Harness.control("cuts " + port), 1, "connections cut at " + cut);
            Harness.take(peer.ups, "the reconnect");
            await(done, "acknowledgement after " + cut);
            peer.publish(topic, "next", 2);
            Harness.equal(witness.texts(2), List.of("once", "next"), "after " + cut);
            peer.end();
        }
        Harness.equal(witness.quietTexts(), List.of(), "duplicates");
        witness.end();
    }

    static void qos2Down(Harness.Names names) throws Exception {
        var source = peer(names.id("source"));
        for (var cut : Harness.cuts("down", "up")) {
            var topic = names.topic(cut.hashCode());
            int port = Harness.control("open cut " + cut);
            var peer = lasting(names.id(cut.hashCode()), port);
            peer.subscribe(topic, 2);
            source.publish(topic, "once", 2);
            Harness.take(peer.downs, "the cut");
            Harness.equal(Harness.control("cuts " + port), 1, "connections cut at " + cut);
            source.publish(topic, "next", 2);
            Harness.take(peer.ups, "the reconnect");
            Harness.equal(peer.texts(2), List.of("once", "next"), "after " + cut);
            Harness.equal(peer.quietTexts(), List.of(), "duplicates after " + cut);
            peer.end();
        }
        source.end();
    }

    static void shared(Harness.Names names) throws Exception {
        var members = List.of(peer(names.id(0)), peer(names.id(1)), peer(names.id(2)));
        for (var member : members) {
            member.subscribe("$share/g/" + names.topic("+"), 2);
        }
        var source = peer(names.id("source"));
        for (var text : Harness.numbers(120)) {
            source.publish(names.topic(text.charAt(0)), text, 2);
        }
        var all = new ArrayList<Integer>();
        var counts = new ArrayList<Integer>();
        for (var member : members) {
            var found = member.quietTexts();
            found.forEach(text -> all.add(Integer.valueOf(text)));
            counts.add(found.size());
            member.end();
        }
        Collections.sort(all);
        Harness.equal(all.toString(), Harness.numbers(120).toString(), "messages together");
        Harness.check(Collections.min(counts) >= 20, "balance of 120 over three: " + counts);
        source.end();
    }

    static void wills(Harness.Names names) throws Exception {
        var watcher = peer(names.id("watcher"));
        watcher.subscribe(names.topic("#"), 1);
        var back = mortal(names, "back", 1);
        Harness.control("reset " + back.port);
        Harness.take(back.downs, "the reset");
        Harness.take(back.ups, "the reconnect");
        var prompt = mortal(names, "prompt", 0);
        Harness.control("reset " + prompt.port);
        var told = watcher.take();
        Harness.equal(text(told), "prompt", "the will without a delay");
        Harness.equal(told.getContentType().get().toString(), "text/plain", "content type");
        Harness.equal(told.getUserProperties().toString(), "[(b, 1), (a, 2), (b, 1)]", "pairs");
        Thread.sleep(1500); // the delay is what is tested
        Harness.equal(watcher.quietTexts(), List.of(), "the will of one that came back");
        mortal(names, "polite", 0).end();
        Harness.equal(watcher.quietTexts(), List.of(), "the will of one that left");
        for (var each : List.of(watcher, back, prompt)) {
            each.end();
        }
    }

    private static Peer mortal(Harness.Names names, String role, int delaySecs) throws Exception {
        var peer = new Peer(names.id(role), Harness.control("open"), false);
        return peer.connect(with -> with.cleanStart(false).sessionExpiryInterval(600)
                .willPublish().topic(names.topic(role)).payload(role.getBytes()).qos(QOS[1])
                .delayInterval(delaySecs).contentType("text/plain")
                .userProperties().add("b", "1").add("a", "2").add("b", "1").applyUserProperties()
                .applyWillPublish());
    }

    static void retainHandling(Harness.Names names) throws Exception {
        var topic = names.topic("t");
        var source = peer(names.id("source"));
        source.publish(message(topic, "kept", 1).retain(true).build());
        var sends = List.of(List.of(1, 1), List.of(1, 0), List.of(0, 0));
        for (var handling : Mqtt5RetainHandling.values()) {
            var asPublished = handling != Mqtt5RetainHandling.SEND;
            var peer = peer(names.id(handling));
            for (int count : sends.get(handling.getCode())) {
                peer.subscribe(with -> with.topicFilter(topic).qos(QOS[1]).retainHandling(handling)
                        .retainAsPublished(asPublished));
                var found = peer.quiet();
                Harness.equal(found.size(), count, "retained messages, " + handling);
                Harness.check(found.stream().allMatch(Mqtt5Publish::isRetain), "no RETAIN");
            }
            source.publish(message(topic, "kept", 1).retain(true).build());
            Harness.equal(peer.take().isRetain(), asPublished, "RETAIN of a live message");
            peer.end();
        }
        source.publish(message(topic, "", 1).retain(true).build());
        source.end();
    }

    static void noLocal(Harness.Names names) throws Exception {
        var peer = peer(names.id("s"));
        var other = peer(names.id("other"));
        peer.subscribe(with -> with.topicFilter(names.topic("#")).qos(QOS[1]).noLocal(true));
        peer.publish(names.topic("t"), "own", 1);
        other.publish(names.topic("t"), "other", 1);
        Harness.equal(peer.quietTexts(), List.of("other"), "messages");
        peer.end();
        other.end();
    }

    static void requestResponse(Harness.Names names) throws Exception {
        var asking = peer(names.id("asking"));
        var serving = peer(names.id("serving"));
        asking.subscribe(names.topic("answer"), 1);
        serving.subscribe(names.topic("ask"), 1);
        var data = ByteBuffer.wrap(new byte[] {0, -1, 1});
        asking.publish(message(names.topic("ask"), "why?", 1).responseTopic(names.topic("answer"))
                .correlationData(data).userProperties().add("z", "1").add("a", "2").add("z", "1")
                .applyUserProperties().build());
        var told = serving.take();
        Harness.equal(told.getUserProperties().toString(), "[(z, 1), (a, 2), (z, 1)]", "pairs");
        Harness.equal(told.getCorrelationData().get(), data, "correlation data of the request");
        var to = told.getResponseTopic().get().toString();
        var back = told.getCorrelationData().get();
        serving.publish(message(to, "so", 1).correlationData(back).build());
        Harness.equal(asking.take().getCorrelationData().get(), data, "of the answer");
        asking.end();
        serving.end();
    }

    static void connack(Harness.Names names) throws Exception {
        var told = lasting(names.id("a"), Harness.PORT).connack;
        var limits = told.getRestrictions();
        Harness.equal(limits.getMaximumQos(), MqttQos.EXACTLY_ONCE, "maximum QoS");
        Harness.check(limits.isRetainAvailable() && limits.isWildcardSubscriptionAvailable()
                && limits.areSubscriptionIdentifiersAvailable()
                && limits.isSharedSubscriptionAvailable(), "something is missing: " + limits);
        Harness.check(limits.getTopicAliasMaximum() > 0, "no topic aliases");
        Harness.check(told.getAssignedClientIdentifier().isEmpty(), "an id assigned");
        Harness.equal(told.getSessionExpiryInterval().orElse(600), 600L, "session expiry");
        var nameless = peer("");
        var assigned = nameless.connack.getAssignedClientIdentifier();
        Harness.check(assigned.isPresent(), "no id assigned");
        nameless.end();
    }

    /** The client gives aliases by itself, to what is published again. */
    static void aliases(Harness.Names names) throws Exception {
        int port = Harness.control("open");
        var peer = new Peer(names.id("s"), port, false).connect(with -> with.cleanStart(true)
                .restrictions().topicAliasMaximum(3).sendTopicAliasMaximum(0).applyRestrictions());
        peer.subscribe(names.topic("#"), 1);
        var source = new Peer(names.id("source"), Harness.PORT, false).connect(with ->
                with.cleanStart(true).restrictions().sendTopicAliasMaximum(2).applyRestrictions());
        for (int number = 0; number < 20; number++) {
            source.publish(names.topic(number % 4), Integer.toString(number), 1);
            var message = peer.take();
            Harness.equal(message.getTopic().toString(), names.topic(number % 4), "topic");
            Harness.equal(text(message), Integer.toString(number), "payload");
        }
        source.end();
        peer.end();
    }

    static void receiveMaximum(Harness.Names names) throws Exception {
        var peer = new Peer(names.id("s"), Harness.PORT, true).connect(with -> with.cleanStart(true)
                .restrictions().receiveMaximum(1).applyRestrictions());
        peer.subscribe(names.topic("t"), 2);
        var source = peer(names.id("source"));
        for (var text : Harness.numbers(6)) {
            source.publish(names.topic("t"), text, 2);
        }
        for (var text : Harness.numbers(6)) {
            var message = peer.take();
            Harness.equal(text(message), text, "message");
            Thread.sleep(50);
            Harness.check(peer.arrived.isEmpty(), "another before the acknowledgement");
            message.acknowledge();
        }
        source.end();
        peer.end();
    }

    static void expiry(Harness.Names names) throws Exception {
        for (int secs : new int[] {1, 60}) {
            var peer = new Peer(names.id(secs), Harness.PORT, false)
                    .connect(with -> with.cleanStart(true).sessionExpiryInterval(secs));
            peer.subscribe(names.topic("t"), 1);
            peer.end();
        }
        var source = peer(names.id("source"));
        for (int secs : new int[] {1, 100}) {
            var mortal = message(names.topic("t"), Integer.toString(secs), 1);
            source.publish(mortal.messageExpiryInterval(secs).build());
        }
        Thread.sleep(2500); // an age is what is tested
        var kept = lasting(names.id(60), Harness.PORT);
        var found = kept.quiet();
        Harness.equal(found.stream().map(HiveMq::text).toList(), List.of("100"), "queued");
        long left = found.get(0).getMessageExpiryInterval().getAsLong();
        Harness.check(left >= 90 && left <= 98, left + " of 100 s left after 2.5");
        var lost = lasting(names.id(1), Harness.PORT);
        Harness.check(!lost.connack.isSessionPresent(), "a session of 1 s after 2.5");
        for (var each : List.of(source, kept, lost)) {
            each.end();
        }
    }

    public static void main(String[] arguments) throws Exception {
        Harness.scenario("persistent session 5", HiveMq::persistentSession);
        Harness.scenario("persistent session 3.1.1", HiveMq::persistentSession3);
        Harness.scenario("QoS 2 up over cuts", HiveMq::qos2Up);
        Harness.scenario("QoS 2 down over cuts", HiveMq::qos2Down);
        Harness.scenario("shared subscription", HiveMq::shared);
        Harness.scenario("will on reset and will delay", HiveMq::wills);
        Harness.scenario("retain handling", HiveMq::retainHandling);
        Harness.scenario("No Local", HiveMq::noLocal);
        Harness.scenario("request, response and user properties", HiveMq::requestResponse);
        Harness.scenario("CONNACK properties and assigned client id", HiveMq::connack);
        Harness.scenario("topic aliases both ways", HiveMq::aliases);
        Harness.scenario("receive maximum", HiveMq::receiveMaximum);
        Harness.scenario("message and session expiry", HiveMq::expiry);
        HiveMqTls.scenarios();
        Harness.runAll();
    }

    private HiveMq() {}
}
