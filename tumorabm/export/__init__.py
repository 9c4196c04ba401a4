"""Run folders in the formats of other tools: ``tumorabm export``. One file a format, each with a function ``write``."""
