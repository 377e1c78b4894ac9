"""`python -m facegate` is the same as `facegate`."""

from facegate.cli.main import main

if __name__ == "__main__":
    main()
