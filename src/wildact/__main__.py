"""``python -m wildact`` is the command ``wildact``."""

from wildact.cli.main import main

if __name__ == "__main__":  # worker processes import this module anew
    main()
