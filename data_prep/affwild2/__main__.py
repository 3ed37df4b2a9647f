"""The command `python -m data_prep.affwild2`."""

import sys

from data_prep.affwild2.prepare import main

if __name__ == "__main__":
    sys.exit(main())
