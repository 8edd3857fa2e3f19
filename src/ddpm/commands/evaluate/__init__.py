"""`ddpm evaluate`: score images against real ones."""
