"""`ddpm studio`: a page in the browser over the same commands and services as the command line."""
