"""Figures and the HTML report of a run.

Every figure function takes a path and arrays, writes one PNG and returns its path. None uses pyplot or other
global state, so nothing leaks and no display is needed. Missing classes, NaN values and empty inputs are
drawn as missing, never raised: a report must come out of a run that went wrong, too.
"""
