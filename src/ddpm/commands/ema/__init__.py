"""`ddpm ema`: choose the averaging length of the weights after training."""
