"""Pictures: grids, strips, animations and plots with one look. Images come in as uint8, files go out."""
