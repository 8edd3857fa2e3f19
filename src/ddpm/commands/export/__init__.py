"""`ddpm export`: write the weights of a run for use elsewhere."""
