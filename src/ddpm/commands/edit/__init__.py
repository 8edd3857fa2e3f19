"""`ddpm interpolate`, `inpaint` and `refine`: images made from other images."""
