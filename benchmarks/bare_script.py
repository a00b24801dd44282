"""The least that classifies a picture safely, without the packages' help: a floor to measure by.

`python benchmarks/bare_script.py MODEL PICTURE` checks the model's hash, reads its rules, decodes
the picture in reduced form, and prints the verdict.
"""

import hashlib
import json
import math
import sys
import zipfile

import numpy as np
from PIL import Image

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

with zipfile.ZipFile(sys.argv[1]) as archive:
    description = json.loads(archive.read("aiart.json"))
with open(sys.argv[1], "rb") as file:  # noqa: PTH123
    network = file.read(description["network"]["bytes"])
if hashlib.sha256(network).hexdigest() != description["network"]["sha256"]:
    sys.exit("altered")
interpreter = Interpreter(model_content=network, num_threads=1)
interpreter.allocate_tensors()
size = description["input"]["width"], description["input"]["height"]
image = Image.open(sys.argv[2])
image.draft(None, (3 * max(size), 3 * max(size)))
pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[np.newaxis])
interpreter.invoke()
output = interpreter.get_output_details()[0]
score = (interpreter.get_tensor(output["index"])[0, 0] + 0.5) / 256
rule = description["decision"]
p_ai = 1 / (1 + math.exp(-math.log(score / (1 - score)) / rule["temperature"]))
verdict = "ai" if p_ai >= rule["high"] else "human" if p_ai <= rule["low"] else "unsure"
print(verdict, p_ai, sys.argv[2])  # noqa: T201
