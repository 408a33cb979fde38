"""How the learning rate falls from epoch to epoch."""

LEARNING_RATE_DECAY = 0.316  # a factor of ten every two steps
LEARNING_RATE_EPOCHS = 100
INVERSE_EPOCHS = 10  # after which the rate is half of what it was


def learning_rate(epoch, first, schedule):
    """The learning rate in an epoch (from 0): "step", down every 100 epochs, or "inverse", as 1 / (1 + epoch / 10).

    The latter is of the kind that Robbins & Monro ("A Stochastic Approximation Method", 1951) let settle, and needs no
    end that is known before: a run may be stopped, or go on for longer than was planned.
    """
    if schedule == "step":
        return first * LEARNING_RATE_DECAY ** (epoch // LEARNING_RATE_EPOCHS)
    return first / (1 + epoch / INVERSE_EPOCHS)
