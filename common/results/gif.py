"""Animated GIFs: each picture holds only the rectangle in which it differs from the one before.

Pillow's own GIF writer looks for that rectangle too, on several copies of every picture. Here only its compression is
used, which is the smaller part of its time.
"""

import struct

from common.runtime.files import whole_file

import numpy as np
from PIL import GifImagePlugin, Image

LEAVE_IN_PLACE = 1  # what happens to a picture when the next one comes


def write_gif(path, pictures, delays, palette):
    """Write pictures (H, W) of uint8 palette indices, any iterable of them, as a GIF that repeats for ever.

    delays: how long each is shown, in milliseconds, of which the format keeps hundredths of a second. palette: up to
    256 colours, as RGB bytes. Raises OSError where the file cannot be written.
    """
    before = None
    with whole_file(path) as partial, partial.open("wb") as file:
        for picture, delay in zip(pictures, delays, strict=True):
            if before is None:
                file.write(_header(picture.shape, palette))
            rows, columns = _changed(picture, before)
            part = Image.fromarray(picture[rows, columns])
            place = columns.start, rows.start
            file.writelines(GifImagePlugin.getdata(part, place, duration=delay, disposal=LEAVE_IN_PLACE))
            before = picture
        file.write(b";")


def _header(shape, palette):
    """Size, colours of all pictures, and that the film starts again after its end."""
    bits = max(1, (len(palette) // 3 - 1).bit_length())  # the table of colours holds 2 to the power of this
    size = struct.pack("<6sHHBBB", b"GIF89a", shape[1], shape[0], 0xF0 | (bits - 1), 0, 0)
    return size + palette.ljust(3 * 2**bits, b"\0") + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def _changed(picture, before):
    """The rows and columns, as slices, outside of which a picture is like the one before, if there is one.

    At least a pixel: without a picture there would be no delay.
    """
    if before is None:
        return slice(0, picture.shape[0]), slice(0, picture.shape[1])
    different = picture != before
    rows = np.flatnonzero(different.any(axis=1))
    if len(rows) == 0:
        return slice(0, 1), slice(0, 1)
    rows = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = np.flatnonzero(different[rows].any(axis=0))
    return rows, slice(int(columns[0]), int(columns[-1]) + 1)
