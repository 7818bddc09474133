"""The user's files and the private repository beside them: read, built in, applied, undone.

``repo`` and ``worktree`` are what a run builds in, ``write`` the only way files get there, and
``apply`` with ``undo`` the only way anything reaches the user. Must not know specs or models.
"""
