"""`python -m ddpm` is the command `ddpm`."""

import sys

from ddpm.cli import main

sys.exit(main())
