"""What operators make of their tensors."""

from __future__ import annotations

import pytest

from aiart_edge.operators import KNOWN, Shape, Tensor, fits

FLOAT32, INT32 = 0, 2


def of(*shape: int) -> Tensor:
    return Tensor(shape, FLOAT32, 0)


def told(*values: int, shape: Shape = ()) -> Tensor:
    return Tensor(shape or (len(values),), INT32, 0, values)


WIDTHS = told(0, 0, 1, 1, 1, 1, 0, 0, shape=(4, 2))
# Operator, options, inputs, outputs.
SOUND = {
    "pad": (34, (), [of(1, 16, 16, 3), WIDTHS], [of(1, 18, 18, 3)]),
    "transpose": (39, (), [of(1, 8, 4), told(0, 2, 1)], [of(1, 4, 8)]),
    "mean": (40, (0,), [of(1, 8, 8, 4), told(1, -2)], [of(1, 4)]),
    "mean that keeps": (40, (1,), [of(1, 8, 8, 4), told(1, 2)], [of(1, 1, 1, 4)]),
    "squeeze": (43, (1, 2), [of(1, 1, 1, 4)], [of(1, 4)]),
    "slice by steps": (
        45,
        (0, 4, 0, 0, 1, 0),
        [of(4, 9, 8), told(2, 1, 0), told(3, -1, 0), told(1, 2, 1)],
        [of(4, 8)],
    ),
    "split": (49, (2,), [told(-1), of(1, 4, 8)], [of(1, 4, 4), of(1, 4, 4)]),
    "slice": (65, (), [of(1, 4, 8), told(0, 1, 0), told(1, 2, -1)], [of(1, 2, 8)]),
    "convolution turned round": (
        67,
        (0, 2, 2, 0, 0),
        [told(1, 16, 16, 8), of(8, 3, 3, 16), of(1, 8, 8, 16), of(8)],
        [of(1, 16, 16, 8)],
    ),
    "tile": (69, (), [of(1, 4, 1), told(1, 1, 2)], [of(1, 4, 2)]),
    "expand": (70, (), [of(4, 8), told(1)], [of(4, 1, 8)]),
    "stack": (83, (2, 1), [of(1, 8), of(1, 8)], [of(1, 2, 8)]),
    "reshape": (22, (), [of(1, 8, 4), told(1, -1)], [of(1, 32)]),
    "resize": (23, (0, 0, 0, 1), [of(1, 6, 6, 8), told(12, 9)], [of(1, 12, 9, 8)]),
    "product": (126, (0, 1, 0), [of(1, 16, 4), of(1, 9, 4)], [of(1, 16, 9)]),
    "square root": (75, (), [of(1, 4)], [of(1, 4)]),
}


@pytest.mark.parametrize("name", SOUND)
def test_an_operator_that_makes_what_follows_from_its_inputs_fits(name: str) -> None:
    assert fits(*SOUND[name])


@pytest.mark.parametrize("name", SOUND)
def test_an_operator_that_lacks_an_input_or_an_output_does_not_fit(name: str) -> None:
    operator, options, inputs, outputs = SOUND[name]
    assert not fits(operator, options, inputs[:1] if len(inputs) == 4 else inputs[:-1], outputs)
    assert not fits(operator, options, inputs, outputs[:-1])


@pytest.mark.parametrize("name", SOUND)
def test_an_operator_that_makes_another_shape_does_not_fit(name: str) -> None:
    operator, options, inputs, (made, *others) = SOUND[name]
    larger = made._replace(shape=(*made.shape[:-1], made.shape[-1] + 1))
    assert not fits(operator, options, inputs, [larger, *others])


@pytest.mark.parametrize(
    "name", [name for name, case in SOUND.items() if any(tensor.values for tensor in case[2])]
)
def test_what_tells_a_shape_must_be_a_constant(name: str) -> None:
    operator, options, inputs, outputs = SOUND[name]
    assert not fits(operator, options, [tensor._replace(values=()) for tensor in inputs], outputs)


@pytest.mark.parametrize("values", [(0, 0, 1, 1, 1, 8_388_608, 0, 0), (0, 0, -1, 3, 1, 1, 0, 0)])
def test_a_constant_that_tells_another_shape_than_the_file_does_not_fit(
    values: tuple[int, ...],
) -> None:
    widths = told(*values, shape=(4, 2))
    assert not fits(34, (), [of(1, 16, 16, 3), widths], [of(1, 18, 18, 3)])


def test_integer_weights_of_a_depthwise_convolution_need_a_bias() -> None:
    depthwise, options = 4, (0, 1, 1, 1, 0, 1, 1)
    weights = Tensor((1, 3, 3, 8), 9, 8)
    seen, made = of(1, 6, 6, 8), [of(1, 6, 6, 8)]
    assert fits(depthwise, options, [seen, weights, of(8)], made)
    assert not fits(depthwise, options, [seen, weights], made)
    assert fits(depthwise, options, [seen, of(1, 3, 3, 8)], made)


def test_an_operator_that_is_not_looked_into_does_not_fit() -> None:
    gather = 36
    assert gather not in KNOWN
    assert not fits(gather, (), [of(1, 4), told(0)], [of(1, 4)])
