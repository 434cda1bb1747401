"""Named-entity recognition project: annotations → corpus → training → report."""
