"""The channels that a joint of a BVH file can have, and the names of those without."""

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
SCALES = ("Xscale", "Yscale", "Zscale")  # read over: a bone has one length
CHANNEL_NAMES = {name.lower(): name for name in POSITIONS + ROTATIONS + SCALES}


def end_site_name(parent_name, earlier):
    """<parent>_Nub, and <parent>_Nub2, … for further ends of a joint; `earlier` counts those before."""
    return f"{parent_name}_Nub{earlier + 1 if earlier else ''}"
