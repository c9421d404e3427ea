"""The edge to files: cassettes in and out."""
