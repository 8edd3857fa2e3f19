"""`python -m ddpm` is the command `ddpm`."""

from ddpm.cli import main
from ddpm.processes import leave

leave(main())
