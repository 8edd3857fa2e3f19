"""Sampling: from settings and seeds to images."""
