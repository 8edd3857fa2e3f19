"""The mathematics of diffusion: tensors in, tensors out; no file, device, network or config."""
