"""What is trained, and what it can do with motion: the encoder and the decoders, their losses, generation."""
