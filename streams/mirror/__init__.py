"""`beckon mirror`: profiles and promotions from Kafka to Redis. Nothing that decides depends on it."""
