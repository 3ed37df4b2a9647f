"""Your own pictures: class folders, a table of labels, RAF-DB or FER2013."""
