// Prints every record of a topic as Kafka's Java consumer reads it: partition, offset, then key,
// value and the header mqtt.topic in hexadecimal behind an x, or - for none.
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class ReadBack {
    public static void main(String[] arguments) {
        Map<String, Object> settings =
            Map.of("bootstrap.servers", arguments[0], "enable.auto.commit", "false");
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
            var partitions = consumer.partitionsFor(arguments[1]).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            var ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
                consumer.poll(Duration.ofMillis(200)).forEach(ReadBack::print);
            }
        }
    }

    private static void print(ConsumerRecord<byte[], byte[]> record) {
        var topic = record.headers().lastHeader("mqtt.topic");
        String place = record.partition() + " " + record.offset();
        String fields = hex(record.key()) + " " + hex(record.value());
        System.out.println(place + " " + fields + " " + hex(topic == null ? null : topic.value()));
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "-" : "x" + HexFormat.of().formatHex(bytes);
    }
}
