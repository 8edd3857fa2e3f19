"""`ddpm sampler-lab`: measure image quality against network evaluations and choose a sampler."""
