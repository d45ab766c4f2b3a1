"""The machine instructions that compiled loops use and Python has no word for.

Importing this module imports numba; only loops import it, and they are imported when the first search needs them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # llvmlite, the compiler under numba, has no types
from numba import types
from numba.extending import intrinsic

#: Signed machine integers: in a compiled loop a signed and an unsigned integer would add up to a float.
int64: Any = np.int64


def _popcount(typing: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), build


def _lowest_bit(typing: Any, word: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), build


def _prefetch(typing: Any, array: Any, place: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [address.type, *[ir.IntType(32)] * 3])
        instruction = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(instruction, [address, *(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.none(array, types.int64), build


#: Number of bits that are set in a uint64.
popcount: Any = intrinsic(_popcount)
#: Place of the lowest bit that is set in a uint64, which is not 0.
lowest_bit: Any = intrinsic(_lowest_bit)
#: ``prefetch(array, place)``: ask the memory for that item of the flat array, and go on without waiting.
prefetch: Any = intrinsic(_prefetch)
