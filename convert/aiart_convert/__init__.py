"""aiart's conversion room: a run folder in, self-describing .tflite files out."""

PRECISIONS = ("float32", "int8")
