"""What routing is worth, measured: outcome tables, scores, fitted ladders, replay.

Owns figures and how sure they are. Must not call a model nor decide a task.
"""
