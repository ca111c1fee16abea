"""Training of the methods."""
