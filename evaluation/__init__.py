"""From a trained net to one score per cell, and from scores to metrics, tables, figures and the report."""
