"""Small Convex projects of the kind that people learn from."""
