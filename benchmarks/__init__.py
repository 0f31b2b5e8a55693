"""What `make bench` measures: every ratio in one run, the two sides in turn."""
