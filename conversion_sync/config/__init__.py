"""`conversion_sync.yaml` as one frozen, validated object: its shape, its rules, its reader."""
