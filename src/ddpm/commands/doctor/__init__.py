"""`ddpm doctor`: find problems of a run or a configuration."""
