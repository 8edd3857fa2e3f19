"""Models learn and sample; networks only map tensors. One protocol, one leaf a family."""
