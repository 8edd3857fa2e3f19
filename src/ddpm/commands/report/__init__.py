"""`ddpm report`: a PDF or Markdown report written from run files."""
