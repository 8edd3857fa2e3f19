"""Documents: tables, the report, the readme and the names of the hand-in. Plain rows in, text out."""
