"""`ddpm sample`: sample images with a trained model."""
