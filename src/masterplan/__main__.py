"""``python -m masterplan``: the command line."""

from masterplan.cli import main

if __name__ == "__main__":
    main()
