"""Programs for those who work on ddpm-studio."""
