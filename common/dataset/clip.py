"""A clip: a stretch of movement that a run exports or shows, and what it is."""

import dataclasses

from common.mocap import Mocap

# What a clip is: a recording; the movement of dancer 2 that a translation predicts from dancer 1's; a dancer's movement
# from one of the deepfake's decoders; a new recording of one dancer, converted; a latent experiment of a translation.
RECORDED, TRANSLATED, CONVERTED, APPLIED = "recorded", "translated", "converted", "applied"
DECODED, RANDOM_WALK, SINE_OFFSET, CROSS_FADE = EXPERIMENTS = "decoded", "random walk", "sine offset", "cross-fade"
KINDS = RECORDED, TRANSLATED, CONVERTED, *EXPERIMENTS, APPLIED  # in the order in which they are shown
OTHER = "other"  # a motion file that no run has noted


@dataclasses.dataclass(frozen=True)
class Clip:
    """Movement with what it is. Dancers count from 0."""

    name: str  # of its files, without their endings
    motion: Mocap
    kind: str  # one of those above
    source: int  # the dancer whose movement it was made of
    dancer: int  # the dancer whose body moves
    epoch: int = 0  # after how many epochs of training it was made; 0 for a recording
    stretch: tuple | None = None  # (pair, first frame, frames) in the recorded duet: equal for clips that go together
    recording: str = ""  # the new recording that it was made of, if it was
