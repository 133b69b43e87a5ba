// HiveMQ's client under Java's own TLS.
import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttClientSslConfigBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;

final class HiveMqTls {
    private static final char[] PASSWORD = "stock".toCharArray();

    /** A way to the server: which of its ports, and what is said to TLS. */
    record Way(int port, MqttClientSslConfig tls) {
        HiveMq.Peer lasting(String id) throws Exception {
            return new HiveMq.Peer(id, port, false, tls)
                    .connect(with -> with.cleanStart(false).sessionExpiryInterval(600));
        }
    }

    /** Adds the scenarios, where the server has the listeners for them. */
    static void scenarios() throws Exception {
        if (System.getenv("STOCK_TLS_PORT") == null) {
            return;
        }
        var trusting = trusting("authority");
        var showing = trusting("authority").keyManagerFactory(client());
        add("TLS", new Way(port("TLS"), trusting.build()));
        add("TLS with a certificate", new Way(port("MUTUAL"), showing.build()));
        var old = showing.protocols(List.of("TLSv1.2")).build();
        add("TLS 1.2 with a certificate", new Way(port("MUTUAL"), old));
        Harness.scenario("TLS refused", HiveMqTls::refused);
    }

    private static void add(String name, Way way) {
        Harness.scenario(name, names -> underTls(names, way));
    }

    /** The path of a certificate or key store; `stock/pki.py` says which there are. */
    private static Path pki(String name) {
        return Path.of(System.getenv("STOCK_PKI"), name);
    }

    private static int port(String name) {
        return Integer.parseInt(System.getenv("STOCK_" + name + "_PORT"));
    }

    /** TLS of a client that has this authority; it checks the server's name as a browser does. */
    private static MqttClientSslConfigBuilder trusting(String authority)
            throws GeneralSecurityException, IOException {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (var pem = Files.newInputStream(pki(authority + ".pem"))) {
            var certificate = CertificateFactory.getInstance("X.509").generateCertificate(pem);
            store.setCertificateEntry(authority, certificate);
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        return MqttClientSslConfig.builder().trustManagerFactory(trust);
    }

    private static KeyManagerFactory client() throws GeneralSecurityException, IOException {
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(KeyStore.getInstance(pki("client.p12").toFile(), PASSWORD), PASSWORD);
        return keys;
    }

    /** 100 KB at each QoS in both directions, and a session kept over changes to TCP and back. */
    private static void underTls(Harness.Names names, Way way) throws Exception {
        var topic = names.topic("t");
        var peer = way.lasting(names.id("roaming"));
        peer.subscribe(topic, 2);
        var large = "0123456789".repeat(10_000);
        for (int qos = 0; qos <= 2; qos++) {
            peer.publish(topic, large + qos, qos);
            Harness.equal(HiveMq.text(peer.take()), large + qos, "at QoS " + qos);
        }
        peer.end();
        var source = HiveMq.peer(names.id("source"));
        for (var there : List.of(new Way(Harness.PORT, null), way)) {
            source.publish(topic, "queued", 2);
            var back = there.lasting(names.id("roaming"));
            Harness.check(back.connack.isSessionPresent(), "no session present by " + there);
            Harness.equal(back.texts(1), List.of("queued"), "messages");
            back.end();
        }
        source.end();
    }

    /** The client's own refusal of a server, and the server's of a client without certificate. */
    private static void refused(Harness.Names names) throws Exception {
        refused(names, "TLS", "stranger", "PKIX path building failed");
        refused(names, "MUTUAL", "authority", "certificate_required");
    }

    private static void refused(Harness.Names names, String port, String authority, String wanted)
            throws Exception {
        var client = MqttClient.builder().useMqttVersion5().identifier(names.id("a"))
                .serverHost("127.0.0.1").serverPort(port(port))
                .sslConfig(trusting(authority).build()).buildAsync();
        String said = "it has connected";
        try {
            client.connect().get(Harness.WAIT_SECS, TimeUnit.SECONDS);
        } catch (ExecutionException refusal) {
            said = refusal.toString();
        }
        Harness.check(said.contains(wanted), said + " instead of " + wanted);
    }

    private HiveMqTls() {}
}
