"""Makes the pictures of `pyface3d demo`: a rendered portrait of nobody, a crop of NASA's portrait of Eileen Collins.

python scripts/make_demo_picture.py portrait pyface3d/assets/demo.jpg
python scripts/make_demo_picture.py astronaut pyface3d/assets/astronaut.jpg --source astronaut.png

The source is the picture that scikit-image ships (``skimage.data.astronaut()``), in the public domain.
"""

import argparse
from pathlib import Path

from PIL import Image

from pyface3d.data.synthetic import SyntheticFaces

SEED, INDEX, SIZE = 11, 8, 480
CROP = (62, 0, 382, 320)  # left, top, right, bottom


def portrait() -> Image.Image:
    """A rendered face of nobody."""
    picture = SyntheticFaces(size=SIZE, seed=SEED, jitter=0.0).render([INDEX])["image"][0]
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["portrait", "astronaut"])
    parser.add_argument("target", type=Path)
    parser.add_argument("--source", type=Path, help="astronaut.png of scikit-image")
    arguments = parser.parse_args()
    if arguments.which == "astronaut" and arguments.source is None:
        parser.error("astronaut needs --source astronaut.png")
    if arguments.which == "portrait":
        picture = portrait()
    else:
        picture = Image.open(arguments.source).convert("RGB").crop(CROP)
    picture.save(arguments.target, quality=90, optimize=True)


if __name__ == "__main__":
    main()
