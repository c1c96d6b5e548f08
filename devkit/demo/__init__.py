"""`./todo demo`: follows one reminder over HTTP, as a client would see it."""
