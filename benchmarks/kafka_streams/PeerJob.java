// The rival next door: the peer job as a Kafka Streams program, tuned as its documentation says.
//
// Processor API with one thread, a state store with caching and a changelog, a streaming JSON parser, profiles
// as a compact binary record. Settings come in STREAMS_... variables; `beckon bench throughput` sets them all.

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

public final class PeerJob {
    static final double HALF_LIFE_MS = 14 * 86_400_000.0;
    static final int RECENT_MAX = 20;
    static final String STORE = "profiles";

    /** One product of an event: what it is, on which shelf. */
    record Product(String id, String category) {}

    /** An event, as far as the job needs it. */
    static final class Event {
        String name;
        String messageId;
        String shopper;
        long at;
        Product product;
        List<Product> products = List.of();
    }

    /** Strength of an interest, exact at `asOf`. */
    static final class Interest {
        double strength;
        long asOf;

        double at(long now) {
            return strength * Math.pow(2.0, (asOf - now) / HALF_LIFE_MS);
        }
    }

    /** What is remembered of a shopper. */
    static final class Profile {
        int views;
        int added;
        int orders;
        long lastSeen;
        final Map<String, Interest> interests = new HashMap<>();
        final ArrayDeque<String> recent = new ArrayDeque<>(RECENT_MAX + 1);

        void touch(Product product, double weight, long at) {
            recent.add(product.id());
            if (recent.size() > RECENT_MAX) {
                recent.poll();
            }
            Interest interest = interests.computeIfAbsent(product.category(), unused -> new Interest());
            interest.strength = interest.at(at) + weight;
            interest.asOf = at;
        }
    }

    /** JSON to events; unknown fields are skipped. */
    static final class Events {
        private final JsonFactory json = new JsonFactory();

        Event read(byte[] raw) throws IOException {
            Event event = new Event();
            try (JsonParser parser = json.createParser(raw)) {
                parser.nextToken();
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String field = parser.currentName();
                    parser.nextToken();
                    switch (field) {
                        case "event" -> event.name = parser.getText();
                        case "messageId" -> event.messageId = parser.getText();
                        case "timestamp" -> event.at = timeOf(parser.getText());
                        case "userId" -> event.shopper = parser.getText();
                        case "properties" -> readProperties(parser, event);
                        default -> parser.skipChildren();
                    }
                }
            }
            return event;
        }

        private static void readProperties(JsonParser parser, Event event) throws IOException {
            String id = null;
            String category = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "product_id" -> id = parser.getText();
                    case "category" -> category = parser.getText();
                    case "products" -> event.products = readProducts(parser);
                    default -> parser.skipChildren();
                }
            }
            event.product = new Product(id, category);
        }

        private static List<Product> readProducts(JsonParser parser) throws IOException {
            List<Product> found = new java.util.ArrayList<>();
            while (parser.nextToken() == JsonToken.START_OBJECT) {
                String id = null;
                String category = null;
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String field = parser.currentName();
                    parser.nextToken();
                    switch (field) {
                        case "product_id" -> id = parser.getText();
                        case "category" -> category = parser.getText();
                        default -> parser.skipChildren();
                    }
                }
                found.add(new Product(id, category));
            }
            return found;
        }

        private String minute = "";
        private long minuteMs;

        /** Milliseconds of `2024-01-01T00:00:00.000Z`; the minute is parsed once, as events come in bursts. */
        private long timeOf(String text) {
            if (text.length() != 24 || text.charAt(19) != '.') {
                return Instant.parse(text).toEpochMilli();
            }
            if (!text.startsWith(minute) || minute.isEmpty()) {
                minute = text.substring(0, 17);
                minuteMs = Instant.parse(minute + "00Z").toEpochMilli();
            }
            int seconds = (text.charAt(17) - '0') * 10 + text.charAt(18) - '0';
            int ms = (text.charAt(20) - '0') * 100 + (text.charAt(21) - '0') * 10 + text.charAt(22) - '0';
            return minuteMs + seconds * 1000L + ms;
        }
    }

    static byte[] write(Profile profile) {
        if (profile == null) {
            return null;
        }
        ByteBuffer out = ByteBuffer.allocate(4096);
        out.putInt(profile.views).putInt(profile.added).putInt(profile.orders).putLong(profile.lastSeen);
        out.put((byte) profile.interests.size());
        profile.interests.forEach(
                (category, interest) -> {
                    text(out, category);
                    out.putDouble(interest.strength).putLong(interest.asOf);
                });
        out.put((byte) profile.recent.size());
        profile.recent.forEach(id -> text(out, id));
        return Arrays.copyOf(out.array(), out.position());
    }

    static Profile read(byte[] raw) {
        if (raw == null) {
            return null;
        }
        ByteBuffer in = ByteBuffer.wrap(raw);
        Profile profile = new Profile();
        profile.views = in.getInt();
        profile.added = in.getInt();
        profile.orders = in.getInt();
        profile.lastSeen = in.getLong();
        for (int left = in.get(); left > 0; left--) {
            String category = text(in);
            Interest interest = new Interest();
            interest.strength = in.getDouble();
            interest.asOf = in.getLong();
            profile.interests.put(category, interest);
        }
        for (int left = in.get(); left > 0; left--) {
            profile.recent.add(text(in));
        }
        return profile;
    }

    private static void text(ByteBuffer out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.put((byte) bytes.length).put(bytes);
    }

    private static String text(ByteBuffer in) {
        int length = in.get();
        String text = new String(in.array(), in.position(), length, StandardCharsets.UTF_8);
        in.position(in.position() + length);
        return text;
    }

    /** Updates the shopper's profile with every event, and promotes where an interest is strong. */
    static final class Count implements Processor<String, byte[], String, byte[]> {
        private final Events events = new Events();
        private final List<String> promoted = List.of(env("PROMOTED").split(","));
        private final Set<String> triggers = Set.of(env("TRIGGERS").split(","));
        private final double interest = Double.parseDouble(env("INTEREST"));
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, Profile> profiles;
        private boolean begun;

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            profiles = given.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (!begun) {
                begun = true;
                System.out.println("begun " + System.currentTimeMillis());
            }
            Event event;
            try {
                event = events.read(record.value());
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            Profile profile = profiles.get(event.shopper);
            if (profile == null) {
                profile = new Profile();
            }
            profile.lastSeen = Math.max(profile.lastSeen, event.at);
            switch (event.name) {
                case "Product Viewed" -> {
                    profile.views++;
                    profile.touch(event.product, 1.0, event.at);
                }
                case "Product Added" -> {
                    profile.added++;
                    profile.touch(event.product, 4.0, event.at);
                }
                case "Order Completed" -> {
                    profile.orders++;
                    for (Product product : event.products) {
                        profile.touch(product, 8.0, event.at);
                    }
                }
                default -> {}
            }
            profiles.put(event.shopper, profile);
            if (triggers.contains(event.name)) {
                promote(event, profile);
            }
        }

        private void promote(Event event, Profile profile) {
            for (String category : promoted) {
                Interest found = profile.interests.get(category);
                if (found != null && found.at(event.at) >= interest) {
                    String value =
                            "{\"id\":\"" + event.messageId + "\",\"category\":\"" + category
                                    + "\",\"interest\":" + found.at(event.at) + "}";
                    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
                    context.forward(new Record<>(event.shopper, bytes, event.at));
                    return;
                }
            }
        }
    }

    static String env(String name) {
        return System.getenv("STREAMS_" + name);
    }

    public static void main(String[] arguments) throws InterruptedException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, env("APP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env("SERVERS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, env("FOLDER"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, env("GUARANTEE"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, env("COMMIT_MS"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L * 1024 * 1024);
        settings.put("auto.offset.reset", "earliest");
        settings.put("producer.linger.ms", 50);
        settings.put("producer.batch.size", 262_144);
        settings.put("consumer.max.poll.records", 5000);
        settings.put("consumer.isolation.level", "read_committed");

        KeyValueBytesStoreSupplier kind =
                env("STORE").equals("memory")
                        ? Stores.inMemoryKeyValueStore(STORE)
                        : Stores.persistentKeyValueStore(STORE);
        Serde<Profile> serde =
                Serdes.serdeFrom((topic, profile) -> write(profile), (topic, raw) -> read(raw));
        StoreBuilder<KeyValueStore<String, Profile>> store =
                Stores.keyValueStoreBuilder(kind, Serdes.String(), serde).withCachingEnabled();

        Topology topology = new Topology();
        topology.addSource("events", new StringDeserializer(), new ByteArrayDeserializer(), env("TOPIC"));
        topology.addProcessor("count", Count::new, "events");
        topology.addStateStore(store, "count");
        topology.addSink(
                "promotions", env("PROMOTIONS"), new StringSerializer(), new ByteArraySerializer(), "count");

        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        Thread.currentThread().join();
    }
}
