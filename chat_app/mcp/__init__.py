"""The tools of the assistant for assistants of others, by the Model Context Protocol.

Only the process of the live stream imports this, and only where MCP_ENABLED is true: the library is large.

    guest       the routes, for sync_app/guests.py
    middleware  who asks: tokens, bounds, the answers to those who may not
    server      the protocol, by the official library
    calls       one call of a tool
"""
