"""From cells to scores: the trained model, views and crops through an engine, and the score files."""
