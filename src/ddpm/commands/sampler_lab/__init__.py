"""`ddpm sampler-lab`: measure quality against evaluations and choose a sampler."""
