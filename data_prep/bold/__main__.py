"""The command `python -m data_prep.bold`."""

import sys

from data_prep.bold.prepare import main

if __name__ == "__main__":
    sys.exit(main())
