"""Export: what a run leaves in its results folder."""
