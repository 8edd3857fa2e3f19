"""`ddpm import`: make a run of weights that another program trained."""
