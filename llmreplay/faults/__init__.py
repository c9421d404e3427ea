"""The catalogue of faults: frozen values that change an outcome on purpose."""
