"""The drill itself: what it asks for, how it judges, and that it can fail."""
