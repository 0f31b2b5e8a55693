"""Who trains on what and who is judged: cross-validation and what it costs."""
