"""Configure and train a variant."""
