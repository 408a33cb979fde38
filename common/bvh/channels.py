"""The channels that a joint of a BVH file can have."""

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
CHANNEL_NAMES = {name.lower(): name for name in POSITIONS + ROTATIONS}
