"""The command `python -m data_prep.affectnet`."""

import sys

from data_prep.affectnet.prepare import main

if __name__ == "__main__":
    sys.exit(main())
