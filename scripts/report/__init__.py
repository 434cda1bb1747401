"""Score the pipelines and set them side by side."""
