"""From records to documents, shards, manifests and the ledger."""
