"""`python -m ddpm` is the command `ddpm`."""

from ddpm.cli import main
from ddpm.distributed import exit_process

exit_process(main())
