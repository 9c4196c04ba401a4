"""The variants of one scenario, run over seeds and compared: ``tumorabm variants``."""
