"""`python -m trapnode` is the command `trapnode`."""

import sys

from trapnode.cli import main

sys.exit(main())
