"""The command `python -m data_prep.oulu_casia`."""

import sys

from data_prep.oulu_casia.prepare import main

if __name__ == "__main__":
    sys.exit(main())
