"""The command `python -m data_prep.check`."""

import sys

from data_prep.check.command import main

if __name__ == "__main__":
    sys.exit(main())
