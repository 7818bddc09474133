"""The coding agents people use: how each is started behind the gateway, and its files.

Owns launchers and sub-agent definitions. Must not open the gateway: its address is handed in.
"""
