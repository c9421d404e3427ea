"""The edge to HTTP libraries: carries the recorder's plans out."""
