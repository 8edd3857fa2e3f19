"""Pictures in one style: grids, strips, animations and plots, from uint8 images [N, C, H, W] to files."""
