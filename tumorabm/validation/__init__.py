"""What is published beside what the model does: one fact at a time."""
