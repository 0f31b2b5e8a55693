"""What runs a net, and on which device; an engine knows no cell, no fold and no run."""
