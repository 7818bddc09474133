"""Masterplan: plan with the best model, build with the right one, and measure what it saved."""

__version__ = "0.1.0"
