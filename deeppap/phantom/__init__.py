"""Drawn cells, fields and slides, for trying and testing without data."""
