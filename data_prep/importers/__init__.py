"""Readers of other programs' labels, side by side: each yields `Labelled` objects, and one writer makes a manifest."""
