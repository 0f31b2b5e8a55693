"""How the tables call each baseline."""

TITLES = {
    "majority": "always the commonest class",
    "file_name": "nearest file name (all its numbers), no pixels",
    "first_number": "nearest file name (first number alone), no pixels",
    "nucleus_area": "nucleus area alone (logistic regression)",
    "background_colour": "colour outside the nucleus region alone (random forest)",
    "picture_size": "width and height of the picture alone (random forest)",
}
