"""The command `python -m data_prep.bold`."""

import sys

from data_prep.bold.door import main

if __name__ == "__main__":
    sys.exit(main())
