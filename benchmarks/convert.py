"""How much memory does it take to convert a large CVAT file? One million boxes by default.

A CVAT XML file is drawn up with as many boxes, in tracks of a thousand frames that begin here and there in a
video of twenty thousand. ``wildact convert`` turns it into the native format (or another, ``--to``) in a
process of its own. Printed are the size of the file, seconds, boxes per second, and the peak of resident
memory as the operating system counts it (the kernel's high-water mark of the process, not a sample).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FRAMES_PER_TRACK = 1000
LENGTH = 20_000
WIDTH, HEIGHT = 1920, 1080

HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>long.mp4</name><size>{LENGTH}</size>
    <labels><label><name>zebra</name><attributes><attribute><name>action</name><mutable>True</mutable>
      <input_type>select</input_type><values>graze
walk</values></attribute></attributes></label></labels>
    <original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size></task></meta>
"""
BOX = (
    '    <box frame="{frame}" keyframe="{key}" outside="{outside}" occluded="0" xtl="{x:.2f}" ytl="{y:.2f}" '
    'xbr="{right:.2f}" ybr="{bottom:.2f}" z_order="0">\n'
    '      <attribute name="action">{action}</attribute>\n    </box>\n'
)


def write_cvat(path: Path, boxes: int) -> None:
    """Write tracks that move right and down, graze and walk in turns, and end outside."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for number in range(-(-boxes // FRAMES_PER_TRACK)):
            length = min(FRAMES_PER_TRACK, boxes - number * FRAMES_PER_TRACK)
            first = number * 37 % (LENGTH - FRAMES_PER_TRACK)
            file.write(f'  <track id="{number}" label="zebra" source="manual">\n')
            for k in range(length + 1):
                x, y = number % 800 + k * 0.71, number % 400 + k * 0.31
                action = "walk" if k // 50 % 2 else "graze"
                place = {"x": x, "y": y, "right": x + 120, "bottom": y + 80}
                key, outside = int(k % 10 == 0), int(k == length)
                file.write(BOX.format(frame=first + k, key=key, outside=outside, action=action, **place))
            file.write("  </track>\n")
        file.write("</annotations>\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boxes", type=int, default=1_000_000, help="how many boxes")
    parser.add_argument("--to", default="native", help="format of the target")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "labels.xml"
        write_cvat(source, options.boxes)
        print(f"{options.boxes} boxes, {source.stat().st_size / 1e6:.0f} MB of XML", flush=True)
        command = [sys.executable, "-m", "wildact", "convert", str(source), str(Path(name) / "target")]
        start = time.perf_counter()
        subprocess.run([*command, "--to", options.to, "--fps", "25"], check=True)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{seconds:.0f} s, {options.boxes / seconds:.0f} boxes a second")
    print(f"peak memory {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
