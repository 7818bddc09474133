"""One provider and one builder for Masterplan, from outside its package."""
