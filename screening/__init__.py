"""Fields and slides: nuclei found, every cell scored, and written as other programs open it."""
