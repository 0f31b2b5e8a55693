"""Fields and slides: find the nuclei, score every cell."""
