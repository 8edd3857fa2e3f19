"""`ddpm bundle`: write or check the hand-in of the course."""
