"""What a reader sees: tables, figures, the page, the model card, the terminal's lines."""
