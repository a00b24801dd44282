"""The wing of figures: scores, how they are calibrated, measured and compared."""
