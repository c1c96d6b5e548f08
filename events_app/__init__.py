"""The event log: catalogue, outbox, relay, brokers, groups of handlers, parked and dead events."""
