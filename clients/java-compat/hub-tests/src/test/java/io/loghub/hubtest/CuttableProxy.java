package io.loghub.hubtest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** A network between a client and a hub that can be cut, and that can swallow everything without a word. */
final class CuttableProxy implements AutoCloseable {
    private static final int CHUNK = 16 << 10;

    private final ServerSocket listener;
    private final int target;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition flows = lock.newCondition();
    private final List<Socket> sockets = new ArrayList<>();
    private boolean swallowing;

    /** Forwards to this port of loopback. */
    CuttableProxy(int target) {
        this.target = target;
        try {
            this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        run("accept", this::accept);
    }

    String endpoint() {
        return "localhost:" + listener.getLocalPort();
    }

    private interface Step {
        void run() throws IOException;
    }

    private static void run(String name, Step step) {
        Thread thread = new Thread(() -> {
            try {
                step.run();
            } catch (IOException end) {
                // a cut, or the end of the test
            }
        }, "proxy-" + name);
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = listener.accept();
            Socket hub = new Socket(InetAddress.getLoopbackAddress(), target);
            lock.lock();
            try {
                sockets.add(client);
                sockets.add(hub);
            } finally {
                lock.unlock();
            }
            run("up", () -> forward(client, hub));
            run("down", () -> forward(hub, client));
        }
    }

    private void forward(Socket from, Socket to) throws IOException {
        try (from; to; InputStream in = from.getInputStream()) {
            byte[] chunk = new byte[CHUNK];
            for (int count; (count = in.read(chunk)) >= 0; ) {
                awaitFlow();
                to.getOutputStream().write(chunk, 0, count);
            }
        }
    }

    private void awaitFlow() {
        lock.lock();
        try {
            while (swallowing) {
                flows.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Ends every connection at once. */
    void cut() {
        lock.lock();
        try {
            for (Socket each : sockets) {
                each.close();
            }
            sockets.clear();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } finally {
            lock.unlock();
        }
    }

    /** Begins to hold back everything, or lets all of it go. */
    void swallow(boolean begin) {
        lock.lock();
        try {
            swallowing = begin;
            flows.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        swallow(false);
        try {
            listener.close();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        cut();
    }
}
