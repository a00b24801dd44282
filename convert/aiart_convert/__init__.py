"""aiart's conversion room: a run folder in, self-describing .tflite files out."""

PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")
INTEGER = ("int8", "int16x8")  # activations too, whose ranges must be calibrated
TARGETS = ("tflite", "litert")
