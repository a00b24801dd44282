"""aiart's conversion room: a run folder in, self-describing .tflite files out."""
