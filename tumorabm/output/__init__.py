"""The run folder: recording, provenance, and the summary picture.

Start at `tumorabm.output.recorder.record_run`. Nothing is imported here, so that light parts load quickly.
"""
