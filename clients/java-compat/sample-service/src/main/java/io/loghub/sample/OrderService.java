package io.loghub.sample;

import io.loghub.sample.Order.State;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Takes orders, and logs what becomes of them; each under a trace of its own. */
class OrderService {
    private static final Logger LOG = LoggerFactory.getLogger(OrderService.class);

    private static final List<String> ITEMS = List.of("espresso machine", "desk lamp", "notebook", "headphones", "mug");
    private static final int KEPT_ORDERS = 100;
    // The third order fails, so that there is a stack trace to see within seconds of the start.
    private static final int FAILS_EVERY = 10;
    private static final int FIRST_FAILURE = 3;
    private static final int LOW_STOCK_EVERY = 4;

    private final String label;
    private final RandomGenerator random;
    private final PaymentGateway payments = new PaymentGateway();
    // The newest last; older ones than this many are forgotten.
    private final Deque<Order> orders = new ArrayDeque<>();
    private long lastId;

    OrderService(String label, RandomGenerator random) {
        this.label = label.isBlank() ? "" : " [" + label + "]";
        this.random = random;
    }

    /** Takes an order of anything. */
    Order placeAny() {
        double amount = Math.round(random.nextDouble(5, 500) * 100) / 100.0;
        return place(ITEMS.get(random.nextInt(ITEMS.size())), amount);
    }

    /** Takes an order; it fails where the payment does. */
    synchronized Order place(String item, double amount) {
        long id = ++lastId;
        MDC.put("trace_id", hex(16));
        MDC.put("span_id", hex(8));
        try {
            LOG.atInfo()
                    .addKeyValue("order_id", id)
                    .addKeyValue("amount", amount)
                    .addKeyValue("item", item)
                    .log("order {} placed: {} for {} EUR{}", id, item, amount, label);
            if (id % LOW_STOCK_EVERY == 0) {
                LOG.atWarn()
                        .addKeyValue("order_id", id)
                        .addKeyValue("stock", random.nextInt(1, 5))
                        .log("stock of {} is low{}", item, label);
            }
            Order order = new Order(id, item, amount, pay(id, amount));
            keep(order);
            return order;
        } finally {
            MDC.remove("trace_id");
            MDC.remove("span_id");
        }
    }

    private State pay(long id, double amount) {
        try {
            payments.charge(id, amount, id % FAILS_EVERY == FIRST_FAILURE);
            LOG.atInfo()
                    .addKeyValue("order_id", id)
                    .addKeyValue("amount", amount)
                    .log("order {} confirmed{}", id, label);
            return State.CONFIRMED;
        } catch (PaymentException failure) {
            LOG.atError()
                    .setCause(failure)
                    .addKeyValue("order_id", id)
                    .addKeyValue("amount", amount)
                    .log("order {} failed{}", id, label);
            return State.FAILED;
        }
    }

    private void keep(Order order) {
        orders.addLast(order);
        if (orders.size() > KEPT_ORDERS) {
            orders.removeFirst();
        }
    }

    /** Returns the newest orders, oldest first. */
    synchronized List<Order> newest() {
        return new ArrayList<>(orders);
    }

    private String hex(int bytes) {
        StringBuilder hex = new StringBuilder(2 * bytes);
        for (int i = 0; i < bytes; i++) {
            // From 1, since an id of zeros is none.
            hex.append("%02x".formatted(random.nextInt(1, 256)));
        }
        return hex.toString();
    }
}
