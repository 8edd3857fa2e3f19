"""`ddpm forward`: show the forward process on images."""
