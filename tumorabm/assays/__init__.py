"""The two protocols of the laboratory as virtual assays, and the wells that they are done in."""
