"""Model families: they learn and sample, by networks that map tensors."""
