package io.loghub.compat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.loghub.client.tail.TailRecord;
import io.loghub.v1.ClientMessage;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;
import org.java_websocket.WebSocket;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.drafts.Draft_6455;
import org.java_websocket.framing.Framedata;
import org.java_websocket.handshake.ServerHandshake;
import org.java_websocket.protocols.Protocol;

/**
 * Receives numbered records over a plain WebSocket, by the library Java-WebSocket and nothing of loghub's client but the
 * contract: what a Java program does that cannot use it.
 *
 * <p>On standard output: lines of {@link Numbers}, {@code {"open":"loghub.v1.json"}} for each connection with the
 * subprotocol that the hub chose, {@code {"welcome":"tenant"}}, {@code {"pong":"text"}} for each answer to the heartbeat
 * in text and {@code {"pong":"frame"}} to that of the WebSocket, {@code {"cursor":"…"}} at the end. Connections that are
 * lost are made anew, at the cursor. Exits with 3 and {@code {"refused":"…"}} where the hub refuses the handshake, 2 if
 * the command line is wrong; SIGTERM ends it.
 */
public final class WebSocketTail {
    private static final String USAGE =
            """
            usage: WebSocketTail --url wss://HOST:PORT/v1/tail --ca FILE --token TOKEN [--subprotocol NAME]
                                 [--cursor CURSOR] [--heartbeat-seconds S]""";
    private static final Set<String> NAMES =
            Set.of("--url", "--ca", "--token", "--subprotocol", "--cursor", "--heartbeat-seconds");
    private static final String JSON = "loghub.v1.json";
    private static final String STATUS = "Invalid status code received: ";
    private static final String REFUSED = STATUS + "4";
    private static final int EXIT_REFUSED = 3;
    private static final long MAX_PAUSE_MILLIS = 500;

    private final Options options;
    private final PrintStream out;
    private final Numbers numbers;
    private String cursor;
    private boolean stopped;
    private volatile String refused = "";

    private WebSocketTail(Options options, PrintStream out) {
        this.options = options;
        this.out = out;
        this.numbers = new Numbers(out);
        this.cursor = options.optional("--cursor", "");
    }

    /** Runs with the options of the command line. */
    public static void main(String[] args) throws Exception {
        WebSocketTail tail;
        try {
            tail = new WebSocketTail(new Options(NAMES, args), System.out);
            Runtime.getRuntime().addShutdownHook(new Thread(tail::stop, "stop"));
            tail.run();
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.err.println(USAGE);
            System.exit(2);
        }
        System.exit(EXIT_REFUSED);
    }

    /** Connects over and over until the hub refuses. */
    private void run() throws Exception {
        SSLContext tls = tls(Path.of(options.required("--ca")));
        while (refused.isEmpty()) {
            Socket socket = new Socket();
            socket.setSocketFactory(tls.getSocketFactory());
            socket.connectBlocking();
            socket.awaitEnd();
            Thread.sleep(ThreadLocalRandom.current().nextLong(MAX_PAUSE_MILLIS));
        }
        say("refused", refused);
    }

    /** Says where another one may go on; nothing is said behind it. */
    private synchronized void stop() {
        say("cursor", cursor);
        stopped = true;
    }

    private synchronized void say(String key, String text) {
        if (stopped) {
            return;
        }
        out.println("{\"" + key + "\":\"" + text.replace("\"", "'") + "\"}");
        out.flush();
    }

    private static SSLContext tls(Path ca) throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream pem = Files.newInputStream(ca)) {
            int n = 0;
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                trusted.setCertificateEntry("ca" + n++, certificate);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private synchronized ClientMessage subscribe() {
        Subscribe.Builder subscribe = Subscribe.newBuilder().setId("seed");
        if (cursor.isEmpty()) {
            subscribe.setOldest(true);
        } else {
            subscribe.setCursor(cursor);
        }
        return ClientMessage.newBuilder().setSubscribe(subscribe).build();
    }

    private synchronized void take(ServerMessage message) {
        if (stopped) {
            return;
        }
        String moved = switch (message.getKindCase()) {
            case SUBSCRIBED -> message.getSubscribed().getCursor();
            case RECORDS -> message.getRecords().getCursor();
            case POSITION -> message.getPosition().getCursor();
            case GAP -> message.getGap().getCursor();
            default -> "";
        };
        if (message.hasWelcome()) {
            say("welcome", message.getWelcome().getTenant());
        } else if (message.hasRecords()) {
            numbers.say(TailRecord.of(message.getRecords()));
        }
        cursor = moved.isEmpty() ? cursor : moved;
    }

    /** One connection. */
    private final class Socket extends WebSocketClient {
        private final CountDownLatch ended = new CountDownLatch(1);
        private final boolean json = options.optional("--subprotocol", JSON).equals(JSON);

        private Socket() {
            super(URI.create(options.required("--url")),
                    new Draft_6455(List.of(), List.of(new Protocol(options.optional("--subprotocol", JSON)))));
            addHeader("Authorization", "Bearer " + options.required("--token"));
            // The library sends a WebSocket ping so often, and closes where none is answered in one and a half times that.
            int seconds = (int) options.number("--heartbeat-seconds", options.optional("--heartbeat-seconds", "30"), 1);
            setConnectionLostTimeout(seconds);
        }

        @Override
        protected void onSetSSLParameters(SSLParameters parameters) {
            super.onSetSSLParameters(parameters);
            parameters.setProtocols(new String[] {"TLSv1.3"});
        }

        private void awaitEnd() throws InterruptedException {
            ended.await();
        }

        @Override
        public void onOpen(ServerHandshake handshake) {
            say("open", handshake.getFieldValue("Sec-WebSocket-Protocol"));
            try {
                if (json) {
                    send("{\"type\":\"PING\"}");
                    send(JsonFormat.printer().print(subscribe()));
                } else {
                    send(subscribe().toByteArray());
                }
            } catch (InvalidProtocolBufferException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        @Override
        public void onMessage(String text) {
            if (text.equals("{\"type\":\"PONG\"}")) {
                say("pong", "text");
                return;
            }
            ServerMessage.Builder message = ServerMessage.newBuilder();
            try {
                JsonFormat.parser().ignoringUnknownFields().merge(text, message);
            } catch (InvalidProtocolBufferException wrong) {
                throw new IllegalStateException(text, wrong);
            }
            take(message.build());
        }

        @Override
        public void onMessage(ByteBuffer bytes) {
            try {
                take(ServerMessage.parseFrom(bytes));
            } catch (InvalidProtocolBufferException wrong) {
                throw new IllegalStateException(wrong);
            }
        }

        @Override
        public void onWebsocketPong(WebSocket socket, Framedata frame) {
            super.onWebsocketPong(socket, frame);
            say("pong", "frame");
        }

        @Override
        public void onClose(int code, String reason, boolean remote) {
            System.err.println("closed " + code + " " + reason);
            if (reason.startsWith(REFUSED)) { // a 4xx: asking again unchanged does not help
                refused = reason.substring(STATUS.length());
            }
            ended.countDown();
        }

        @Override
        public void onError(Exception failure) {
            System.err.println("error " + failure);
        }
    }
}
