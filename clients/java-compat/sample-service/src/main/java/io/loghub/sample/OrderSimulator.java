package io.loghub.sample;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/** Customers that order at a steady rate, from when the service is up until it stops. */
class OrderSimulator implements SmartLifecycle {
    private static final Logger LOG = LoggerFactory.getLogger(OrderSimulator.class);

    private final OrderService orders;
    private final double ordersPerSecond;
    private ScheduledExecutorService executor;

    /** Is made for a rate; 0: nobody orders. */
    OrderSimulator(OrderService orders, double ordersPerSecond) {
        this.orders = orders;
        this.ordersPerSecond = ordersPerSecond;
    }

    @Override
    public synchronized void start() {
        if (ordersPerSecond <= 0) {
            return;
        }
        LOG.info("simulating {} orders a second", ordersPerSecond);
        long periodNanos = Math.max(1, (long) (TimeUnit.SECONDS.toNanos(1) / ordersPerSecond));
        executor = Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "order-simulator"));
        executor.scheduleAtFixedRate(orders::placeAny, 0, periodNanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public synchronized void stop() {
        executor.shutdownNow();
        executor = null;
        LOG.info("simulation has ended");
    }

    @Override
    public synchronized boolean isRunning() {
        return executor != null;
    }
}
