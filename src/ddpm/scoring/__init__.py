"""Scores of generated images: the images, the real images, the scoring setup and paired comparisons."""
