"""Feature networks and metrics: uint8 images in, plain rows out. One metric per file."""
