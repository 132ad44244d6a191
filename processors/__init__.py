"""Pure decisions: profile, features, decision. No Kafka, Redis, clock or randomness inside."""
