"""Serves Django's WSGI handler through RSGI, so that a slow client takes no thread.

Source: granian's RSGI specification 1.6. Why: docs/decisions/0031-a-bridge-before-django.md.
"""
