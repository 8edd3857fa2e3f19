"""Split a zip of images into one for training and one that is held out for a memorization test.

    python scripts/hold_out.py anime-faces.zip --count 1000

writes anime-faces-train.zip and anime-faces-kept-out.zip.

The files whose content has the highest SHA-256 are held out, so that equal files stay together. `ddpm
train` holds out the lowest for its own held-out loss.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from pathlib import Path


def hold_out(archive: Path, count: int, folder: Path) -> tuple[Path, Path]:
    """Write the two zips into `folder` and return their paths.

    `count` images are held out, and one more for each duplicate of the last one.
    """
    train, kept_out = (folder / f"{archive.stem}-{part}.zip" for part in ("train", "kept-out"))
    with zipfile.ZipFile(archive) as source:
        names = [name for name in source.namelist() if not name.endswith("/")]
        digests = {name: hashlib.sha256(source.read(name)).digest() for name in names}
        last = sorted(digests.values())[-count]
        with zipfile.ZipFile(train, "w") as inside, zipfile.ZipFile(kept_out, "w") as outside:
            for name in names:
                target = outside if digests[name] >= last else inside
                target.writestr(name, source.read(name))
    return train, kept_out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="a zip of images")
    parser.add_argument("--count", type=int, default=1000, help="images to hold out")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the two zips")
    options = parser.parse_args()
    print(*hold_out(options.archive, options.count, options.out), sep="\n")
