"""A real Apache Kafka (one node, KRaft) from its published jars, for development and tests."""
