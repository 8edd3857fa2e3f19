"""`ddpm data`: list, prepare and inspect data sets."""
