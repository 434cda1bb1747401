"""What `python -m scripts.benchmark` measures."""
