"""What the peek is made of: the shapes it looks at, what it reads of one turn, and splices."""
