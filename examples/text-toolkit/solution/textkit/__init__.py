"""Text helpers for a blog's tooling: slugs, word counts and a one-line report."""
