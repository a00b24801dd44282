"""Which operators a network uses, and which of them a runtime does not know."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

# Measured: each operator was put alone into a network, in versions 1 to 16, and offered to the
# runtime. The highest version that it takes, and the operators; what is not here it does not take.
_TFLITE_2_14 = {
    1: """
        ADD_N ASSIGN_VARIABLE ATAN2 BITCAST BITWISE_XOR BROADCAST_ARGS BUCKETIZE CALL_ONCE
        CEIL COMPLEX_ABS CONV_3D CONV_3D_TRANSPOSE COS CUMSUM DENSIFY DYNAMIC_UPDATE_SLICE
        ELU EMBEDDING_LOOKUP_SPARSE EXPAND_DIMS FLOOR HARD_SWISH HASHTABLE HASHTABLE_FIND
        HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE IF IMAG L2_POOL_2D
        LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LSH_PROJECTION
        MATRIX_DIAG MATRIX_SET_DIAG MULTINOMIAL NEG NON_MAX_SUPPRESSION_V4
        NON_MAX_SUPPRESSION_V5 ONE_HOT POW PRELU RANDOM_STANDARD_NORMAL RANDOM_UNIFORM RANK
        READ_VARIABLE REAL REDUCE_ALL REDUCE_ANY RELU_0_TO_1 RELU_N1_TO_1 RESHAPE
        REVERSE_SEQUENCE RFFT2D RIGHT_SHIFT ROUND SCATTER_ND SEGMENT_SUM SHAPE SIN SKIP_GRAM
        SQRT SQUARE UNIQUE UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD
        UNSORTED_SEGMENT_SUM VAR_HANDLE WHILE ZEROS_LIKE
    """,
    2: """
        DEPTH_TO_SPACE DIV EXP FAKE_QUANT FLOOR_MOD GELU GREATER L2_NORMALIZATION LEAKY_RELU
        LESS_EQUAL LOG_SOFTMAX RANGE REDUCE_PROD RSQRT SELECT_V2 SIGN SPACE_TO_DEPTH SPLIT_V
        SQUARED_DIFFERENCE SQUEEZE SUM WHERE
    """,
    3: """
        ARG_MAX ARG_MIN AVERAGE_POOL_2D BIDIRECTIONAL_SEQUENCE_LSTM
        BIDIRECTIONAL_SEQUENCE_RNN BROADCAST_TO EMBEDDING_LOOKUP FLOOR_DIV GREATER_EQUAL
        LESS LOGISTIC MAX_POOL_2D MEAN MIRROR_PAD NOT_EQUAL QUANTIZE REDUCE_MAX REDUCE_MIN
        RELU RELU6 REVERSE_V2 RNN SOFTMAX SPARSE_TO_DENSE TANH TILE TOPK_V2
        UNIDIRECTIONAL_SEQUENCE_RNN
    """,
    4: """
        BATCH_MATMUL BATCH_TO_SPACE_ND CONCATENATION EQUAL FILL GATHER_ND LSTM MAXIMUM
        MINIMUM PACK PAD PADV2 RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SELECT
        SPACE_TO_BATCH_ND SPLIT SVDF TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK
    """,
    5: """
        ABS ADD CAST DEQUANTIZE SUB
    """,
    6: """
        GATHER SLICE TRANSPOSE
    """,
    7: """
        CONV_2D DEPTHWISE_CONV_2D MUL
    """,
    8: """
        STRIDED_SLICE
    """,
    10: """
        FULLY_CONNECTED
    """,
}

# Where LiteRT 2.3 takes more than that.
_LITERT_2_3 = {
    1: """
        DILATE REDUCE_WINDOW STABLEHLO_ADD STABLEHLO_AND STABLEHLO_CASE STABLEHLO_COMPOSITE
        STABLEHLO_GATHER STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_MULTIPLY
        STABLEHLO_PAD STABLEHLO_REDUCE_WINDOW STABLEHLO_RNG_BIT_GENERATOR STABLEHLO_SCATTER
        STABLEHLO_SHIFT_LEFT
    """,
    2: """
        COS LOG SIN SQRT
    """,
    3: """
        GELU RSQRT SPLIT_V
    """,
    4: """
        BROADCAST_TO NOT_EQUAL REVERSE_V2 SOFTMAX
    """,
    5: """
        EMBEDDING_LOOKUP EQUAL FILL PACK SPLIT TRANSPOSE_CONV
    """,
    6: """
        ADD DYNAMIC_UPDATE_SLICE GATHER_ND PAD PADV2 QUANTIZE UNPACK
    """,
    7: """
        CONCATENATION
    """,
    8: """
        CONV_2D GATHER MUL SLICE
    """,
    9: """
        CAST DEQUANTIZE TRANSPOSE
    """,
    14: """
        FULLY_CONNECTED
    """,
}


def _highest(*tables: Mapping[int, str]) -> dict[str, int]:
    return {
        name: version
        for table in tables
        for version, names in table.items()
        for name in names.split()
    }


_TARGETS = {
    "tflite": ("tflite-runtime 2.14", _highest(_TFLITE_2_14)),
    "litert": ("LiteRT 2.3", _highest(_TFLITE_2_14, _LITERT_2_3)),
}


def operators(network: bytes) -> tuple[tuple[str, int], ...]:
    """List the operators of a network.

    Args:
        network: a TFLite flatbuffer.

    Returns:
        Their names, as in TFLite's schema, and versions, sorted.
    """
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(network))
    # A code above 127 does not fit where codes stood before schema version 3a.
    codes = (
        (max(code.builtinCode, code.deprecatedBuiltinCode), code.version)
        for code in model.operatorCodes
    )
    return tuple(sorted((names[code], version) for code, version in codes))


def unsupported(network: bytes, target: str) -> tuple[str, ...]:
    """Find what a runtime would refuse a network for.

    Args:
        network: a TFLite flatbuffer.
        target: one of `aiart_convert.TARGETS`.

    Returns:
        The operators that the target does not know, or not in this version, each as a phrase.
    """
    runtime, highest = _TARGETS[target]
    return tuple(
        f"{name} version {version} ({runtime} knows {highest.get(name, 'none')})"
        for name, version in operators(network)
        if version > highest.get(name, 0)
    )
