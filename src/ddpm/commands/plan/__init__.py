"""`ddpm plan`: estimate time, memory and disk before training."""
