"""Reconstruct folders, zips and tars of photos without torch, one line of JSON a photo; started again, it goes on.

Photos are crops of faces. Export the network and its face model first, where torch is:

    pyface3d export mobile_frnet --out mobile_frnet.onnx
    python -c "import pyface3d; pyface3d.create_method('mobile_frnet').model.save('face.npz')"
    python examples/without_torch.py mobile_frnet.onnx face.npz photos/ more.zip --out faces.jsonl

Photos that cannot be read have a line with the reason; the exit status is then 3.
"""

import argparse
import json
import sys
from pathlib import Path

from pyface3d import runtime
from pyface3d.atomic import atomic_write
from pyface3d.images import find_sources


def finished_lines(path: Path) -> dict[str, dict]:
    """The whole lines of an earlier run, by photo; what was cut off by a crash is dropped from the file."""
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    whole = {}
    for line in lines[:-1]:  # behind the last line feed there is nothing, or half a line
        record = json.loads(line)
        whole[record["photo"]] = record
    if lines and lines[-1]:
        with atomic_write(path) as stream:
            stream.write(b"".join(line + b"\n" for line in lines[:-1]))
    return whole


def record_of(reconstruct: runtime.OnnxReconstructor, source) -> dict:
    """What is written about one photo."""
    try:
        face = reconstruct(source.read().pixels)
    except (OSError, ValueError) as error:
        return {"photo": source.name, "error": str(error)}
    return {"photo": source.name, "params": face.params.tolist(), "landmarks": face.landmarks.tolist()}


def main() -> int:
    """Reconstructs all photos; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="ONNX file of `pyface3d export`")
    parser.add_argument("model", help="its face model")
    parser.add_argument("photos", nargs="+", help="pictures, folders, zips, tars")
    parser.add_argument("--out", type=Path, default=Path("faces.jsonl"))
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    reconstruct = runtime.OnnxReconstructor(options.network, options.model, threads=options.threads)
    done = finished_lines(options.out)
    problems = [record["error"] for record in done.values() if "error" in record]
    with options.out.open("ab") as stream:
        for source in find_sources(options.photos):
            if source.name in done:
                continue
            record = record_of(reconstruct, source)
            stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()
            problems += [record["error"]] if "error" in record else []
    for problem in problems:
        print(problem, file=sys.stderr)
    return 3 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
