// Prints for each key on standard input (one per line, in hexadecimal) the partition that Kafka's
// Java producer picks.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

public final class Partitions {
    public static void main(String[] arguments) throws IOException {
        int partitions = Integer.parseInt(arguments[0]);
        var keys = new BufferedReader(new InputStreamReader(System.in));
        for (String key = keys.readLine(); key != null; key = keys.readLine()) {
            byte[] bytes = HexFormat.of().parseHex(key);
            System.out.println(BuiltInPartitioner.partitionForKey(bytes, partitions));
        }
    }
}
