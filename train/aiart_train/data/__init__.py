"""The wing of pictures: what is in a folder, what is alike, which trains and which tests."""
