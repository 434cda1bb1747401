"""Where the figures and files of runs go: Weights & Biases, or nowhere."""
