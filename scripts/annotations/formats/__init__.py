"""One module a format: each registers its reader with `@reads(...)`. A module put here is found by itself."""
