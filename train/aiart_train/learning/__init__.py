"""The wing of networks: recipes, architectures, and how a recipe becomes a Keras model."""
