"""Networks: modules that map tensors. `ddpm.models` trains them and samples with them."""
