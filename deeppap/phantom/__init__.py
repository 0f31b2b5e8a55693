"""The phantom: a set of drawn cells in Herlev's shape, for trying and testing without data."""
