"""A well-behaved program: what the user sets, sees and stops. Nothing here knows of motion or of learning."""
