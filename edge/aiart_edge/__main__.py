"""`python -m aiart_edge`, the same program as `aiart-edge`."""

from aiart_edge.cli import program

if __name__ == "__main__":
    program()
