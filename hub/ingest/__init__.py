"""How records come in: gRPC, later OTLP and Kafka; all of them through `admission`."""
