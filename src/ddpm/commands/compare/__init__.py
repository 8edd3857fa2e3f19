"""`ddpm compare`: compare runs by metrics or by eye."""
