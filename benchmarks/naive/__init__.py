"""A small Django REST framework project as its tutorial would have it: what the product is measured against.

docs/benchmarks.md explains the choices.
"""
