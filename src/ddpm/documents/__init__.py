"""Documents as data, written as Markdown, typst and PDF."""
