"""How good a model is: figures of generated motion beside baselines and the recording."""
