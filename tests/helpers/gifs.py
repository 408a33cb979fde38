"""GIFs as they are shown."""

import numpy as np
from PIL import Image


def read_gif(path):
    """Frames (F, H, W, 3) as shown, and how long each is shown, in seconds."""
    frames, seconds = [], []
    with Image.open(path) as image:
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGB")))
            seconds.append(image.info.get("duration", 0) / 1000)
    return np.array(frames), np.array(seconds)
