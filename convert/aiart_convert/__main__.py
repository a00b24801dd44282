"""`python -m aiart_convert`, the same program as `aiart-convert`."""

from aiart_convert.cli import program

if __name__ == "__main__":
    program()
