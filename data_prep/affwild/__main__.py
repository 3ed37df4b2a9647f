"""The command `python -m data_prep.affwild`."""

import sys

from data_prep.affwild.prepare import main

if __name__ == "__main__":
    sys.exit(main())
