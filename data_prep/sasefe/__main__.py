"""The command `python -m data_prep.sasefe`."""

import sys

from data_prep.sasefe.prepare import main

if __name__ == "__main__":
    sys.exit(main())
