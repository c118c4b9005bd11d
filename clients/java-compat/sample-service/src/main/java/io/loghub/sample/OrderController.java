package io.loghub.sample;

import java.util.List;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

/** {@code GET /orders} and {@code POST /orders}. */
@RestController
@RequestMapping("/orders")
class OrderController {
    private final OrderService orders;

    OrderController(OrderService orders) {
        this.orders = orders;
    }

    /** Returns the newest orders. */
    @GetMapping
    List<Order> list() {
        return orders.newest();
    }

    /** Takes an order. */
    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Order place(@RequestBody NewOrder wish) {
        return orders.place(wish.item(), wish.amount());
    }

    /** What a customer sends; {@code amount} in euro. */
    record NewOrder(String item, double amount) {}
}
