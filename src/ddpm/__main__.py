"""`python -m ddpm` is the command `ddpm`."""

from ddpm.cli import main
from ddpm.distributed import leave

leave(main())
