"""The edge to readers: what happened, as text."""
