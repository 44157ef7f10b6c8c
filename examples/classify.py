"""Classifies a picture with a champion's int8 file, by a board's kernels.

python examples/classify.py runs/mine/champions/NAME picture.png
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tflite_micro.python.tflite_micro import runtime

import elite_tf

champion, picture = Path(sys.argv[1]), Path(sys.argv[2])
labels = (champion / "labels.txt").read_text().splitlines()
how = json.loads((champion / "metrics.json").read_text())["preprocessing"]

network = runtime.Interpreter.from_bytes(
  (champion / "model_int8.tflite").read_bytes()
)
channels = network.get_input_details(0)["shape"][-1]
pixels = np.asarray(
  Image.open(picture).convert("L" if channels == 1 else "RGB")
)
images = pixels.reshape(1, *pixels.shape[:2], channels)
inputs = elite_tf.preprocess(images, how["resolution"], crop=how["crop"])

network.set_input((inputs * 128).astype(np.int8), 0)  # Scale 1/128, zero 0.
network.invoke()
codes = network.get_output(0)[0].astype(int)
best = codes.argmax()
print(f"{labels[best]} {(codes[best] + 128) / 256:.3f}")
