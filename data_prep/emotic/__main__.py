"""The command `python -m data_prep.emotic`."""

import sys

from data_prep.emotic.prepare import main

if __name__ == "__main__":
    sys.exit(main())
