"""aiart's training room: a folder of art in, a Keras model in a run folder out."""
