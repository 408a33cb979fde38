"""A player for exported models, to read and to copy: NumPy and onnxruntime, and nothing else of this project.

    player = Player("results/realtime/encoder.onnx", "results/realtime/decoder.onnx")
    for pose in poses:  # (D,) of dancer 1, frame by frame, as they come
        for answer in player.push(pose):  # (D,) of dancer 2, a window later
            show(answer)

The encoder reads a window every `hop` frames. Its answer, a window of poses, is blended with those before: a mean of
sign-aligned quaternions, with weights that rise and fall over each window. D pose_dim, L frames of a window, J joints.
"""

import json

import numpy as np
import onnxruntime


class Player:
    def __init__(self, encoder, decoder):
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (encoder, decoder)
        )
        metadata = {key: json.loads(text) for key, text in self.encoder.get_modelmeta().custom_metadata_map.items()}
        self.length, self.hop = metadata["sequence_length"], metadata["hop"]
        self.rise = np.sin(np.pi * (np.arange(self.length) + 0.5) / self.length)[:, None, None] ** 2
        self.recent, self.frame, self.total, self.weight = [], 0, None, np.zeros((self.length, 1, 1))

    def push(self, pose):
        """Take a pose (D,); give the poses (D,) of dancer 2 that no later window changes: none, or `hop` of them."""
        pose = np.asarray(pose, dtype=np.float32)
        self.recent = [*self.recent[1 - self.length :], self._continuous(pose)]
        self.frame += 1
        since = self.frame - self.length
        if since < 0 or since % self.hop:
            return np.empty((0, 0))
        self._blend(self.answer(np.stack(self.recent)).reshape(self.length, -1, 4))
        return self._take(self.hop)

    def rest(self):
        """The poses that are left when no more come."""
        return self._take(self.length - self.hop)

    def answer(self, window):
        """A window (L, D) of dancer 1 as one of dancer 2, before blending."""
        (mu,) = self.encoder.run(["mu"], {"poses": window[None]})  # or mu + std · normal noise, for some variety
        return self.decoder.run(["poses"], {"z": mu})[0][0]

    def _continuous(self, pose):
        """Of q and −q, which are one rotation, what is nearer to the frame before; models have learnt no jumps."""
        if not self.recent:
            return pose
        now, before = pose.reshape(-1, 4), self.recent[-1].reshape(-1, 4)
        return np.where((now * before).sum(-1, keepdims=True) < 0, -now, now).ravel()

    def _blend(self, window):
        if self.total is None:
            self.total = np.zeros(window.shape)
        agrees = (self.total * window).sum(-1, keepdims=True) >= 0
        self.total += self.rise * np.where(agrees, window, -window)
        self.weight += self.rise

    def _take(self, count):
        """The first poses of the blend, which then begins after them."""
        mean = self.total[:count] / self.weight[:count]
        zeros = np.zeros((count, *self.total.shape[1:]))
        self.total = np.concatenate((self.total[count:], zeros))
        self.weight = np.concatenate((self.weight[count:], zeros[:, :1, :1]))
        return (mean / np.linalg.norm(mean, axis=-1, keepdims=True)).reshape(count, -1)
