"""`ddpm sample`: draw images with a trained model."""
