"""Texts of the report, a file per language."""
