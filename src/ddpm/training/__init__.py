"""One training loop for every model family; it knows the protocol, not the families."""
