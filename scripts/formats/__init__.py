"""Raw annotations: what a record is, and a reader for each format."""
