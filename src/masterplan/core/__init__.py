"""Plain types that every room shares. No I/O, no clock, no randomness, no imports from above."""
