"""One folder a platform: encode, send, classify, and `catalogue.toml` with the vendor's facts."""
