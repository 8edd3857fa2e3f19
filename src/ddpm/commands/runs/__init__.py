"""`ddpm runs`: list the runs of a folder."""
