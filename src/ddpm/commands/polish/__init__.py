"""`ddpm polish`: train a diffusion model on as its own discriminator."""
