"""Models, data sets, checkpoints and guides, opened from a name, a folder or a file."""
