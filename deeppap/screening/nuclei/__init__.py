"""Finding nuclei in a field of view: one interface, two detectors."""
