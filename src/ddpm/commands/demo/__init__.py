"""`ddpm demo`: train on the bundled digits, offline."""
