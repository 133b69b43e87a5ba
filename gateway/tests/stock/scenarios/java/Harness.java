// What the Java scenarios share, as `../harness.py` for the Python ones.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

final class Harness {
    static final int PORT = Integer.parseInt(System.getenv("STOCK_PORT"));
    static final int WAIT_SECS = 10;
    /** Only ever waited for what must not come: too short hides a fault, it never makes one. */
    static final int GRACE_MS = 300;

    interface Scenario {
        void run(Names names) throws Exception;
    }

    /** Client ids and topics that no other scenario, client or run uses. */
    record Names(String stem) {
        String id(Object role) {
            return stem + "-" + role;
        }

        String topic(Object rest) {
            return stem + "/" + rest;
        }
    }

    private static final Map<String, Scenario> SCENARIOS = new LinkedHashMap<>();

    static void scenario(String name, Scenario run) {
        SCENARIOS.put(name, run);
    }

    /** One line to the control port of the proxies, one number back. */
    static int control(String line) throws Exception {
        int port = Integer.parseInt(System.getenv("STOCK_CONTROL"));
        try (var peer = new Socket("127.0.0.1", port)) {
            peer.getOutputStream().write((line + "\n").getBytes());
            var lines = new BufferedReader(new InputStreamReader(peer.getInputStream()));
            return Integer.parseInt(lines.readLine().trim());
        }
    }

    /** QoS 2 has four packets; the connection breaks before, in the middle of and behind each. */
    static List<String> cuts(String publish, String answer) {
        var all = new ArrayList<String>();
        for (var packet : List.of(publish + " PUBLISH", answer + " PUBREC", publish + " PUBREL",
                answer + " PUBCOMP")) {
            for (var part : List.of("none", "half", "all")) {
                all.add(packet + " 1 " + part);
            }
        }
        return all;
    }

    static void check(boolean good, String why) {
        if (!good) {
            throw new AssertionError(why);
        }
    }

    static void equal(Object found, Object wanted, String what) {
        check(Objects.equals(found, wanted), what + ": " + found + " instead of " + wanted);
    }

    static List<String> numbers(int count) {
        return IntStream.range(0, count).mapToObj(Integer::toString).collect(Collectors.toList());
    }

    static <T> T take(BlockingQueue<T> queue, String what) throws InterruptedException {
        var found = queue.poll(WAIT_SECS, TimeUnit.SECONDS);
        check(found != null, "waited " + WAIT_SECS + " s for " + what);
        return found;
    }

    static void runAll() {
        var only = Objects.requireNonNullElse(System.getenv("STOCK_ONLY"), "");
        SCENARIOS.keySet().removeIf(name -> !name.contains(only));
        System.out.println("PLAN " + SCENARIOS.size());
        SCENARIOS.forEach((name, scenario) -> {
            System.out.println("RUN " + name);
            var stem = System.getenv("STOCK_RUN") + "-" + name.replace(' ', '-').replace(".", "");
            try {
                scenario.run(new Names(stem));
                System.out.println("PASS " + name);
            } catch (Throwable fault) {
                System.out.println("FAIL " + name + ": " + said(fault));
            }
        });
        System.exit(0);
    }

    private static String said(Throwable fault) {
        var ours = List.of("HiveMq", "HiveMqTls", "PahoJava");
        var lines = Arrays.stream(fault.getStackTrace())
                .filter(each -> ours.contains(each.getClassName()))
                .map(each -> Integer.toString(each.getLineNumber()))
                .collect(Collectors.joining(", "));
        return (fault + " (lines " + lines + ")").replaceAll("\\s+", " ");
    }

    private Harness() {}
}
