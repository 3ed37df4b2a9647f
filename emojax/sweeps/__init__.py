"""Thesis tables: which rows they have, the runs that fill them, ours beside published."""
