"""The report's figures: what each shows and its caption."""
