"""`ddpm completion`: completion scripts for shells."""
