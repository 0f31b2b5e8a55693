"""What runs, folds and models remember of themselves."""
