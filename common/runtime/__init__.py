"""A well-behaved program: what the user sets, sees and stops. Nothing here knows of motion or of learning."""

from common.runtime import console, devices, errors, interrupt, parallel, settings

__all__ = ["console", "devices", "errors", "interrupt", "parallel", "settings"]
