"""Brokers that bring records live: MQTT and Kafka."""
