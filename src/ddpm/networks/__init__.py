"""Networks map tensors; a model (`ddpm.models`) learns and samples with them."""
