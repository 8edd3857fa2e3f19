"""From sampling settings to images."""
