"""The strong model: data for aiart-edge, which finds it by the entry-point group `aiart.models`."""

from pathlib import Path

MODEL = Path(__file__).parent / "strong.tflite"
