"""Adam, with a learning rate for each parameter tensor."""

import torch


def make_adam(parameters, device, recorded):
    """Adam, as one operation over a tensor where this torch has that for the device; each has a rate of its own."""
    groups = [{"params": [parameter], "lr": 0.0, "factor": 1.0} for parameter in parameters]
    if recorded:
        groups = [group | {"lr": torch.zeros((), device=device)} for group in groups]
        return torch.optim.Adam(groups, fused=True, capturable=True)
    try:
        return torch.optim.Adam([dict(group) for group in groups], fused=True)  # which writes into them
    except RuntimeError:  # on the CPU before torch 2.4, for one
        return torch.optim.Adam(groups)
