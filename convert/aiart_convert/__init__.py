"""aiart's conversion room: a run folder in, self-describing .tflite files out."""

PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")
INTEGER = ("int8", "int16x8")  # activations too, whose ranges must be calibrated
SHIFTED = ("dynamic", "int8")  # whose logit is corrected, by what some pictures tell
TARGETS = ("tflite", "litert")
