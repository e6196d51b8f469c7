"""An app that only tests' workers have: tasks that misbehave, and waits that a test can afford. Its settings are in settings.py."""
