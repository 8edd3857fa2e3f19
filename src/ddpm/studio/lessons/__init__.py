"""Lessons of the Understand view: numbers and pictures of one step, computed with an opened model."""
