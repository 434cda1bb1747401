"""What `python -m tests.benchmarks NAME` measures; README.md has the figures."""
