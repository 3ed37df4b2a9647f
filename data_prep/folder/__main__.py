"""The command `python -m data_prep.folder`."""

import sys

from data_prep.folder.prepare import main

if __name__ == "__main__":
    sys.exit(main())
