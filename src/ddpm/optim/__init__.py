"""Optimizers, averages of weights, and one optimizer step on one or many processes."""
