package io.loghub.sample;

import java.util.random.RandomGenerator;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** Starts the service. */
@SpringBootApplication
public class SampleApplication {
    /** Runs until it is ended; options as of Spring Boot, e.g. {@code --server.port=8080}. */
    public static void main(String[] args) {
        SpringApplication.run(SampleApplication.class, args);
    }

    @Bean
    OrderService orderService(@Value("${sample.label}") String label) {
        return new OrderService(label, RandomGenerator.getDefault());
    }

    @Bean
    OrderSimulator orderSimulator(OrderService orders, @Value("${sample.orders-per-s}") double ordersPerSecond) {
        return new OrderSimulator(orders, ordersPerSecond);
    }
}
