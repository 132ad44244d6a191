"""`beckon stack`: Kafka, Redis, workers, the mirror, Prometheus and a simulated shop as processes of this machine."""
