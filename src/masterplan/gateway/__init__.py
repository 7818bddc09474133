"""The HTTP server that agents and SDKs are pointed at: thin routes over ``pipe``.

Owns sockets to clients, who may come in, and the relay of answers in the client's own dialect.
Must not know prices, providers' sockets or how a decision is made.
"""
