"""Charts, tables and pages: one set of parts for evaluation, cost and the page in the browser.

Owns how figures look. Must not know where they come from.
"""
