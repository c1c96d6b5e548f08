"""A small Django REST framework project as its tutorial would have it: what the product is measured against.

The choices, so that nobody needs to guess: docs/benchmarks.md.
"""
