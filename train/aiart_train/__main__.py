"""`python -m aiart_train`, the same program as `aiart-train`."""

from aiart_train.cli import program

if __name__ == "__main__":
    program()
