"""Makes the picture of `pyface3d demo`: a rendered portrait of nobody.

python scripts/make_demo_picture.py pyface3d/assets/demo.jpg
"""

import sys

from PIL import Image

from pyface3d.data.synthetic import SyntheticFaces

SEED, INDEX, SIZE = 11, 8, 480

picture = SyntheticFaces(size=SIZE, seed=SEED, jitter=0.0).render([INDEX])["image"][0]
Image.fromarray(picture.permute(1, 2, 0).numpy()).save(sys.argv[1], quality=90, optimize=True)
