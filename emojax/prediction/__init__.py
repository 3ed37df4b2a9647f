"""A trained system applied to pictures and videos that are in no data set."""
