"""What is trained, and what it can do with motion: the encoder and the decoders, their losses, generation."""

from common.model import generate, losses
from common.model.apply import apply_to_solos
from common.model.vae import Decoder, Encoder, latent, sample

__all__ = ["Decoder", "Encoder", "apply_to_solos", "generate", "latent", "losses", "sample"]
