"""`ddpm distill`: train a few-step student of a run."""
