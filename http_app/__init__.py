"""The manners of HTTP: errors, pagination, strict input, request ids."""
