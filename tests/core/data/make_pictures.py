#!/usr/bin/env python3
"""make_pictures.py: writes the JPEGs of this folder, and beside each a PNG with the pixels that Pillow makes of it.

Needs Pillow with libjpeg-turbo (made with Pillow 13.0, libjpeg-turbo 3.2) and, for the arithmetic one, jpegtran.
The tests never run it.
"""
import io
import os
import subprocess

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def picture(width, height, mode):
    """Waves of another direction in each channel, with a hard edge."""
    image = Image.new(mode, (width, height))
    bands = len(image.getbands())
    for y in range(height):
        for x in range(width):
            v = [(x * (3 + 2 * c) * 4 + y * (9 - 2 * c) * 3 + 90 * (x > width // 2) * (c + 1)) % 256 for c in range(bands)]
            image.putpixel((x, y), tuple(v) if bands > 1 else v[0])
    return image


def encoded(width, height, mode="RGB", **options):
    file = io.BytesIO()
    picture(width, height, mode).save(file, "JPEG", quality=70, **options)
    return file.getvalue()


def write(name, data):
    with open(f"{HERE}/{name}.jpg", "wb") as f:
        f.write(data)
    Image.open(io.BytesIO(data)).convert("RGB").save(f"{HERE}/{name}.png", optimize=True)


def without_interval(data, number):
    """The samples between restart markers `number` and the next are lost, with one of the markers."""
    at = [i for i in range(len(data) - 1) if data[i] == 0xff and 0xd0 <= data[i + 1] <= 0xd7]
    return data[:at[number]] + data[at[number + 1]:]


def arithmetic(data):
    done = subprocess.run(["jpegtran", "-arithmetic", "-copy", "none"], input=data, capture_output=True, check=True)
    return done.stdout


def main():
    restart = encoded(43, 21, subsampling="4:2:0", restart_marker_blocks=1)
    write("restart_420", restart)
    write("lost_interval", without_interval(restart, 1))
    write("edges_422", encoded(19, 5, subsampling="4:2:2"))
    write("tiny_422", encoded(1, 3, subsampling="4:2:2"))
    write("progressive", encoded(37, 19, subsampling="4:2:0", progressive=True))
    write("grey", encoded(21, 11, "L"))
    write("rgb", encoded(13, 9, keep_rgb=True))
    cmyk = encoded(19, 11, "CMYK")
    write("cmyk_adobe", cmyk)
    # The marker's last byte: 0 is CMYK, 2 is YCCK.
    at = cmyk.index(b"Adobe") + 11
    write("ycck", cmyk[:at] + b"\2" + cmyk[at + 1:])
    write("cmyk", cmyk.replace(b"\xff\xee\0\x0eAdobe" + cmyk[at - 6:at + 1], b""))
    write("arithmetic", arithmetic(encoded(24, 17, subsampling="4:2:0")))


if __name__ == "__main__":
    main()
