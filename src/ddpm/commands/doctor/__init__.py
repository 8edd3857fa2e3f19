"""`ddpm doctor`: find what is wrong with a run or a configuration."""
