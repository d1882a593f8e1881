"""`conversion_sync.yaml` as one frozen, validated object; `settings.py` holds its shape, `load.py` reads it."""
