"""aiart's conversion room: a run folder in, self-describing .tflite files out."""

PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")
TARGETS = ("tflite", "litert")
