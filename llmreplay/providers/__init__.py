"""The catalogue of providers: one file a vendor, rows of `Api`."""
