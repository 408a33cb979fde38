"""The geometry of moving bodies: rotations, joint positions, facing, feet and paths. No files, no learning."""
