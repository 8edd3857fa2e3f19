"""Model families: training, sampling and saved state, on top of `ddpm.networks`."""
