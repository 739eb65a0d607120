"""Writes the files beside this one with NumPy (1.24):

arrays.npy.gz    arrays one after the other, in the order of the loops below
expected.json    by type: the elements that the arrays cycle through, converted
                 to float64, as the hexadecimal digits of its 64 bits
saved.npz        numpy.savez, compressed.npz numpy.savez_compressed of
                 {"a": arange(6) as 2x3 i4, "b/c": 0.5, "empty": no elements,
                 "T": the transpose of a}
"""
import gzip
import io
import json
import os

import numpy as np
from numpy.lib import format

here = os.path.dirname(os.path.abspath(__file__))

# Bits of the elements of each type: extremes, zeros, both signs, ties.
integers = lambda bits: [0, 1, 2, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2 ** bits - 1, 0x5A5A5A5A5A5A5A5A % 2 ** bits]
types = {
    "b1": [0, 1, 1, 0, 1],
    "u1": integers(8), "u2": integers(16), "u4": integers(32), "u8": integers(64) + [2 ** 53 + 1, 2 ** 53 + 3],
    "i1": integers(8), "i2": integers(16), "i4": integers(32), "i8": integers(64) + [2 ** 53 + 1, 2 ** 53 + 3],
    "f2": [0, 0x8000, 1, 0x83FF, 0x0400, 0x3C00, 0x3555, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00],
    "f4": [0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x3F800000, 0x3DCCCCCD, 0x7F7FFFFF, 0x7F800000, 0xFF800000],
    "f8": [0, 1 << 63, 1, 0x8010000000000000, 0x3FF0000000000000, 0x3FB999999999999A, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000],
}
shapes = [(), (1,), (5,), (0,), (2, 3), (1, 4), (3, 0), (2, 3, 4), (2, 1, 3, 2)]

out = io.BytesIO()
expected = {}
for name, bits in types.items():
    native = np.array(bits, dtype="<u" + name[1]).view("<" + name)
    expected[name] = ["%016x" % b for b in native.astype("<f8").view("<u8")]
    for order in "<>":
        for shape in shapes:
            n = int(np.prod(shape))
            a = np.resize(native, n).reshape(shape).astype(order + name)
            for fortran in (False, True):
                x = np.array(a, order="F" if fortran else "C")
                for version in ((1, 0), (2, 0), (3, 0)):
                    format.write_array(out, x, version=version)
with open(os.path.join(here, "arrays.npy.gz"), "wb") as f:
    f.write(gzip.compress(out.getvalue(), 9, mtime=0))
with open(os.path.join(here, "expected.json"), "w") as f:
    json.dump(expected, f, indent=1)
    f.write("\n")

a = np.arange(6, dtype="<i4").reshape(2, 3)
arrays = {"a": a, "b/c": np.float64(0.5), "empty": np.zeros((0, 7), "<f2"), "T": a.T}
np.savez(os.path.join(here, "saved.npz"), **arrays)
np.savez_compressed(os.path.join(here, "compressed.npz"), **arrays)
