// Eclipse Paho for Java, the stock client of MQTT 5.
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.logging.LogManager;
import java.util.stream.Collectors;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttAsyncClient;
import org.eclipse.paho.mqttv5.client.MqttCallback;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.client.persist.MemoryPersistence;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.MqttSubscription;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.UserProperty;

final class PahoJava {
    record Arrived(String topic, MqttMessage message) {
        String text() {
            return new String(message.getPayload(), StandardCharsets.UTF_8);
        }
    }

    /** A client with waiting in place of callbacks; it stays disconnected until told otherwise. */
    static final class Peer implements MqttCallback {
        final BlockingQueue<Arrived> arrived = new LinkedBlockingQueue<>();
        final BlockingQueue<Integer> ends = new LinkedBlockingQueue<>();
        final MqttConnectionOptions options = new MqttConnectionOptions();
        final MqttAsyncClient client;
        final int port;
        IMqttToken connack;

        Peer(String id, int port) throws Exception {
            this.port = port;
            client = new MqttAsyncClient("tcp://127.0.0.1:" + port, id, new MemoryPersistence());
            client.setCallback(this);
            options.setCleanStart(true);
            options.setSessionExpiryInterval(0L);
            options.setAutomaticReconnect(false);
            options.setConnectionTimeout(Harness.WAIT_SECS);
        }

        Peer connect() throws Exception {
            connack = await(client.connect(options));
            return this;
        }

        static IMqttToken await(IMqttToken token) throws Exception {
            token.waitForCompletion(Harness.WAIT_SECS * 1000L);
            return token;
        }

        void subscribe(String filter, int qos) throws Exception {
            subscribe(new MqttSubscription(filter, qos), new MqttProperties());
        }

        void subscribe(MqttSubscription subscription, MqttProperties properties) throws Exception {
            var all = new MqttSubscription[] {subscription};
            var codes = await(client.subscribe(all, null, null, properties)).getReasonCodes();
            Harness.equal(Arrays.toString(codes), "[" + subscription.getQos() + "]", "SUBACK");
        }

        IMqttToken send(String topic, String text, int qos) throws Exception {
            return client.publish(topic, text.getBytes(StandardCharsets.UTF_8), qos, false);
        }

        void publish(String topic, String text, int qos) throws Exception {
            await(send(topic, text, qos));
        }

        void publish(String topic, String text, boolean retain, MqttProperties properties)
                throws Exception {
            var bytes = text.getBytes(StandardCharsets.UTF_8);
            await(client.publish(topic, new MqttMessage(bytes, 1, retain, properties)));
        }

        Arrived take() throws Exception {
            return Harness.take(arrived, "a message");
        }

        List<String> texts(int count) throws Exception {
            var found = new ArrayList<String>();
            while (found.size() < count) {
                found.add(take().text());
            }
            return found;
        }

        /** What arrives up to this text, with it. */
        List<String> textsTo(String last) throws Exception {
            var found = new ArrayList<String>();
            do {
                found.add(take().text());
            } while (!last.equals(found.get(found.size() - 1)));
            return found;
        }

        /** What arrives beside a message that makes a whole round trip. */
        List<Arrived> quiet() throws Exception {
            var fence = "fence/" + ProcessHandle.current().pid() + "/" + hashCode();
            subscribe(fence, 0);
            publish(fence, "fence", 0);
            var found = new ArrayList<Arrived>();
            for (var next = take(); !next.topic().equals(fence); next = take()) {
                found.add(next);
            }
            await(client.unsubscribe(fence));
            Thread.sleep(Harness.GRACE_MS);
            arrived.drainTo(found);
            return found;
        }

        List<String> quietTexts() throws Exception {
            return quiet().stream().map(Arrived::text).collect(Collectors.toList());
        }

        int down() throws Exception {
            return Harness.take(ends, "the end of the connection");
        }

        void end() throws Exception {
            await(client.disconnect());
            client.close();
        }

        @Override
        public void disconnected(MqttDisconnectResponse response) {
            ends.add(response.getReturnCode());
        }

        @Override
        public void mqttErrorOccurred(MqttException exception) {}

        @Override
        public void messageArrived(String topic, MqttMessage message) {
            arrived.add(new Arrived(topic, message));
        }

        @Override
        public void deliveryComplete(IMqttToken token) {}

        @Override
        public void connectComplete(boolean reconnect, String serverUri) {}

        @Override
        public void authPacketArrived(int reasonCode, MqttProperties properties) {}
    }

    static Peer peer(String id) throws Exception {
        return new Peer(id, Harness.PORT).connect();
    }

    static Peer lasting(String id, int port) throws Exception {
        var peer = new Peer(id, port);
        peer.options.setCleanStart(false);
        peer.options.setSessionExpiryInterval(600L);
        return peer.connect();
    }

    static List<UserProperty> pairs() {
        return List.of(new UserProperty("z", "1"), new UserProperty("a", "2"),
                new UserProperty("z", "1"));
    }

    static String shown(MqttProperties properties) {
        return properties.getUserProperties().stream()
                .map(pair -> pair.getKey() + "=" + pair.getValue())
                .collect(Collectors.joining(" "));
    }

    static void persistentSession(Harness.Names names) throws Exception {
        var away = lasting(names.id("away"), Harness.PORT);
        Harness.check(!away.connack.getSessionPresent(), "session present at first");
        away.subscribe(names.topic("t"), 2);
        away.end();
        var source = peer(names.id("source"));
        for (int qos = 1; qos <= 2; qos++) {
            for (var text : Harness.numbers(20)) {
                source.publish(names.topic("t"), text, qos);
            }
        }
        away = lasting(names.id("away"), Harness.PORT);
        Harness.check(away.connack.getSessionPresent(), "no session present afterwards");
        var queued = List.of(new ArrayList<String>(), new ArrayList<String>());
        for (int count = 0; count < 40; count++) {
            var each = away.take();
            queued.get(each.message().getQos() - 1).add(each.text());
        }
        Harness.equal(queued, List.of(Harness.numbers(20), Harness.numbers(20)), "queued by QoS");
        away.end();
        var fresh = peer(names.id("away"));
        Harness.check(!fresh.connack.getSessionPresent(), "session present after a clean start");
        source.publish(names.topic("t"), "to nobody", 1);
        Harness.equal(fresh.quietTexts(), List.of(), "after a clean start");
        fresh.end();
        source.end();
    }

    static void qos2Up(Harness.Names names) throws Exception {
        var witness = peer(names.id("witness"));
        witness.subscribe(names.topic("#"), 2);
        for (var cut : Harness.cuts("up", "down")) {
            var topic = names.topic(cut.hashCode());
            int port = Harness.control("open cut " + cut);
            var peer = lasting(names.id(cut.hashCode()), port);
            peer.send(topic, "once", 2);
            peer.down();
            Harness.equal(Harness.control("cuts " + port), 1, "connections cut at " + cut);
            peer.connect();
            Harness.check(peer.connack.getSessionPresent(), "no session present after " + cut);
            Harness.equal(witness.texts(1), List.of("once"), "after " + cut);
            peer.publish(topic, "next", 2);
            Harness.equal(witness.texts(1), List.of("next"), "after " + cut);
            peer.end();
        }
        Harness.equal(witness.quietTexts(), List.of(), "duplicates");
        witness.end();
    }

    /**
     * The library hands over a QoS 2 message whenever it is sent, also again with DUP. So once more
     * is right where the server cannot know of the PUBREC, and only there. What it has not handed
     * over when its connection ends it forgets, even after its PUBREC: then the packets alone can
     * tell that the server did its part.
     */
    static void qos2Down(Harness.Names names) throws Exception {
        var source = peer(names.id("source"));
        for (var cut : Harness.cuts("down", "up")) {
            var topic = names.topic(cut.hashCode());
            int port = Harness.control("open cut " + cut);
            var peer = lasting(names.id(cut.hashCode()), port);
            peer.subscribe(topic, 2);
            source.publish(topic, "once", 2);
            peer.down();
            Harness.equal(Harness.control("cuts " + port), 1, "connections cut at " + cut);
            source.publish(topic, "next", 2);
            peer.connect();
            var found = peer.textsTo("next");
            found.addAll(peer.quietTexts());
            var twice = cut.contains("PUBLISH") || cut.contains("PUBREC");
            var received = !twice || cut.endsWith("PUBREC 1 all");
            var forgotten = received && found.equals(List.of("next"));
            Harness.check(found.equals(List.of("once", "next"))
                    || twice && found.equals(List.of("once", "once", "next"))
                    || forgotten && Harness.control("count " + port + " down PUBREL") >= 2,
                    found + " after " + cut);
            peer.end();
        }
        source.end();
    }

    static void shared(Harness.Names names) throws Exception {
        var members = List.of(peer(names.id(0)), peer(names.id(1)));
        for (var member : members) {
            member.subscribe("$share/g/" + names.topic("#"), 1);
        }
        var source = peer(names.id("source"));
        for (var text : Harness.numbers(80)) {
            source.publish(names.topic(text.charAt(0)), text, 1);
        }
        var all = new HashSet<String>();
        var counts = new ArrayList<Integer>();
        for (var member : members) {
            var found = member.quietTexts();
            all.addAll(found);
            counts.add(found.size());
            member.end();
        }
        Harness.equal(all, new HashSet<>(Harness.numbers(80)), "messages together");
        Harness.equal(counts.get(0) + counts.get(1), 80, "messages together");
        Harness.check(Collections.min(counts) >= 20, "balance of 80 over two: " + counts);
        source.end();
    }

    static void wills(Harness.Names names) throws Exception {
        var watcher = peer(names.id("watcher"));
        watcher.subscribe(names.topic("#"), 1);
        var properties = new MqttProperties();
        properties.setWillDelayInterval(1L);
        properties.setUserProperties(pairs());
        var mortals = new ArrayList<Peer>();
        for (var role : List.of("back", "gone", "polite")) {
            var mortal = new Peer(names.id(role), Harness.control("open"));
            mortal.options.setCleanStart(false);
            mortal.options.setSessionExpiryInterval(600L);
            var will = new MqttMessage(role.getBytes(StandardCharsets.UTF_8), 1, false, null);
            mortal.options.setWill(names.topic(role), will);
            mortal.options.setWillMessageProperties(properties);
            mortals.add(mortal.connect());
        }
        mortals.get(2).end();
        for (var mortal : mortals.subList(0, 2)) {
            Harness.equal(Harness.control("reset " + mortal.port), 1, "connections reset");
            mortal.down();
        }
        mortals.get(0).connect();
        var told = watcher.take();
        Harness.equal(told.text(), "gone", "the will of the one that stayed away");
        Harness.equal(shown(told.message().getProperties()), "z=1 a=2 z=1", "user properties");
        Harness.equal(watcher.quietTexts(), List.of(), "other wills");
        mortals.get(0).end();
        watcher.end();
    }

    static void takeover(Harness.Names names) throws Exception {
        var first = lasting(names.id("s"), Harness.PORT);
        var second = lasting(names.id("s"), Harness.PORT);
        Harness.equal(first.down(), 0x8E, "the reason code of the one taken over");
        Harness.check(second.connack.getSessionPresent(), "no session present");
        second.end();
    }

    static void retained(Harness.Names names) throws Exception {
        var source = peer(names.id("source"));
        source.publish(names.topic("t"), "kept", true, new MqttProperties());
        var sends = new int[][] {{1, 1}, {1, 0}, {0, 0}};
        for (int handling = 0; handling < 3; handling++) {
            var peer = peer(names.id(handling));
            var subscription = new MqttSubscription(names.topic("t"), 1);
            subscription.setRetainHandling(handling);
            subscription.setRetainAsPublished(handling == 1);
            for (int count : sends[handling]) {
                peer.subscribe(subscription, new MqttProperties());
                var found = peer.quiet();
                Harness.equal(found.size(), count, "retained messages, handling " + handling);
                Harness.check(found.stream().allMatch(e -> e.message().isRetained()), "no RETAIN");
            }
            source.publish(names.topic("t"), "kept", true, new MqttProperties());
            var live = peer.take().message();
            Harness.equal(live.isRetained(), handling == 1, "RETAIN of a live message");
            peer.end();
        }
        source.publish(names.topic("t"), "", true, new MqttProperties());
        source.end();
    }

    static void identifiers(Harness.Names names) throws Exception {
        var peer = peer(names.id("s"));
        peer.options.setUseSubscriptionIdentifiers(false);
        var own = new MqttSubscription(names.topic("own"), 1);
        own.setNoLocal(true);
        peer.subscribe(own, new MqttProperties());
        var properties = new MqttProperties();
        properties.setSubscriptionIdentifier(77);
        peer.subscribe(new MqttSubscription(names.topic("#"), 1), properties);
        peer.publish(names.topic("a"), "a", 1);
        var told = peer.take();
        var identifiers = told.message().getProperties().getSubscriptionIdentifiers();
        Harness.equal(identifiers, List.of(77), "identifiers");
        peer.end();
    }

    static void requestResponse(Harness.Names names) throws Exception {
        var asking = peer(names.id("asking"));
        var serving = peer(names.id("serving"));
        asking.subscribe(names.topic("answer"), 1);
        serving.subscribe(names.topic("ask"), 1);
        var given = new MqttProperties();
        given.setResponseTopic(names.topic("answer"));
        given.setCorrelationData(new byte[] {0, -1, 1});
        given.setContentType("text/plain");
        given.setPayloadFormat(true);
        given.setUserProperties(pairs());
        asking.publish(names.topic("ask"), "why?", false, given);
        var told = serving.take().message().getProperties();
        Harness.equal(shown(told), "z=1 a=2 z=1", "user properties");
        Harness.equal(told.getContentType(), "text/plain", "content type");
        Harness.check(told.getPayloadFormat(), "no payload format");
        var answer = new MqttProperties();
        answer.setCorrelationData(told.getCorrelationData());
        serving.publish(told.getResponseTopic(), "so", false, answer);
        var data = asking.take().message().getProperties().getCorrelationData();
        Harness.equal(Arrays.toString(data), "[0, -1, 1]", "correlation data");
        asking.end();
        serving.end();
    }

    static void connack(Harness.Names names) throws Exception {
        var peer = lasting(names.id("a"), Harness.PORT);
        var told = peer.connack.getResponseProperties();
        Harness.check(told.getMaximumQoS() == null || told.getMaximumQoS() == 2, "maximum QoS");
        var retain = told.isRetainAvailable();
        Harness.check(retain == null || retain, "retained messages are missing");
        Harness.check(told.isWildcardSubscriptionsAvailable()
                && told.isSubscriptionIdentifiersAvailable()
                && told.isSharedSubscriptionAvailable(), "something is missing: " + told);
        Harness.equal(told.getAssignedClientIdentifier(), null, "assigned client id");
        peer.end();
        var nameless = peer("");
        var assigned = nameless.connack.getResponseProperties().getAssignedClientIdentifier();
        Harness.check(assigned != null && !assigned.isEmpty(), "no id assigned");
        nameless.end();
    }

    static void aliases(Harness.Names names) throws Exception {
        var peer = new Peer(names.id("s"), Harness.PORT);
        peer.options.setTopicAliasMaximum(3);
        peer.connect();
        peer.subscribe(names.topic("#"), 1);
        var source = peer(names.id("source"));
        for (int number = 0; number < 12; number++) {
            source.publish(names.topic(number % 4), Integer.toString(number), 1);
            var message = peer.take();
            Harness.equal(message.topic(), names.topic(number % 4), "topic of " + message.text());
        }
        source.end();
        peer.end();
    }

    static void expiry(Harness.Names names) throws Exception {
        for (long secs : new long[] {1, 60}) {
            var peer = new Peer(names.id(secs), Harness.PORT);
            peer.options.setSessionExpiryInterval(secs);
            peer.connect().subscribe(names.topic("t"), 1);
            peer.end();
        }
        var source = peer(names.id("source"));
        for (long secs : new long[] {1, 100}) {
            var properties = new MqttProperties();
            properties.setMessageExpiryInterval(secs);
            source.publish(names.topic("t"), Long.toString(secs), false, properties);
        }
        Thread.sleep(2500); // an age is what is tested
        var kept = lasting(names.id(60), Harness.PORT);
        var found = kept.quiet();
        Harness.equal(found.stream().map(Arrived::text).toList(), List.of("100"), "queued");
        long left = found.get(0).message().getProperties().getMessageExpiryInterval();
        Harness.check(left >= 90 && left <= 98, left + " of 100 s left after 2.5");
        var lost = lasting(names.id(1), Harness.PORT);
        Harness.check(!lost.connack.getSessionPresent(), "a session of 1 s after 2.5");
        for (var each : List.of(source, kept, lost)) {
            each.end();
        }
    }

    public static void main(String[] arguments) {
        LogManager.getLogManager().reset(); // each PUBREL is news to it
        Harness.scenario("persistent session", PahoJava::persistentSession);
        Harness.scenario("QoS 2 up over cuts", PahoJava::qos2Up);
        Harness.scenario("QoS 2 down over cuts", PahoJava::qos2Down);
        Harness.scenario("shared subscription", PahoJava::shared);
        Harness.scenario("will on reset and will delay", PahoJava::wills);
        Harness.scenario("takeover", PahoJava::takeover);
        Harness.scenario("retain handling", PahoJava::retained);
        Harness.scenario("No Local and subscription identifiers", PahoJava::identifiers);
        Harness.scenario("request, response and user properties", PahoJava::requestResponse);
        Harness.scenario("CONNACK properties and assigned client id", PahoJava::connack);
        Harness.scenario("topic aliases downwards", PahoJava::aliases);
        Harness.scenario("message and session expiry", PahoJava::expiry);
        Harness.runAll();
    }

    private PahoJava() {}
}
