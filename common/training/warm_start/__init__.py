"""Weights set by regression before the first step."""
