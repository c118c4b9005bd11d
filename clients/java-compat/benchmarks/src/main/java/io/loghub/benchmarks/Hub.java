package io.loghub.benchmarks;

import io.loghub.testhub.FakeHub;
import io.loghub.testhub.TestPki;
import java.nio.file.Path;

/** A hub in this process: one that acknowledges whatever comes, or one that welcomes and then stands still. */
final class Hub implements AutoCloseable {
    private final FakeHub hub;
    private final Thread thread;

    Hub(Path folder, boolean acknowledges) {
        hub = new FakeHub(new TestPki(folder));
        thread = new Thread(() -> serve(acknowledges), "hub");
        thread.setDaemon(true);
        thread.start();
    }

    private void serve(boolean acknowledges) {
        FakeHub.Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        while (acknowledges && !Thread.interrupted()) {
            stream.ack(stream.batch().getSeq());
        }
    }

    String endpoint() {
        return hub.endpoint();
    }

    @Override
    public void close() {
        hub.close();
    }
}
