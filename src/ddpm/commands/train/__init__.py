"""`ddpm train`: train a model, or resume a run."""
