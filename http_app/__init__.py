"""HTTP conventions of the API: errors, pagination, strict input, idempotency, limits, request ids."""
