"""Routes of the studio's server, one router a file."""
