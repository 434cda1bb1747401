"""Checks on raw records and on shards, and what they find."""
