"""Django's backend for PostgreSQL, with a health check that asks nobody (setting DATABASES, ENGINE)."""
