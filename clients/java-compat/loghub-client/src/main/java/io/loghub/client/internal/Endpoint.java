package io.loghub.client.internal;

/**
 * Where a hub listens.
 *
 * @param host name or address, without brackets
 * @param port TCP port
 */
public record Endpoint(String host, int port) {
    private static final int MAX_PORT = 65_535;

    /** Reads {@code host:port} or {@code [v6]:port}; IllegalArgumentException says what it should look like. */
    public static Endpoint parse(String text) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? "" : text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        if (bracketed) {
            host = host.substring(1, host.length() - 1);
        }
        int port = port(text.substring(colon + 1));
        if (host.isEmpty() || port < 0 || (host.indexOf(':') >= 0 && !bracketed) || host.indexOf('/') >= 0) {
            throw new IllegalArgumentException("endpoint '" + text + "' is not host:port, e.g. logs.example.com:4317");
        }
        return new Endpoint(host, port);
    }

    private static int port(String text) {
        try {
            int port = Integer.parseInt(text);
            return port >= 1 && port <= MAX_PORT ? port : -1;
        } catch (NumberFormatException notANumber) {
            return -1;
        }
    }

    @Override
    public String toString() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}
