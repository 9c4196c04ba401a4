"""Inside one cell: one file a mechanism, and the parameter table that they read.

Importing this package compiles nothing; `parameters` and `cell_types` are plain tables.
"""
