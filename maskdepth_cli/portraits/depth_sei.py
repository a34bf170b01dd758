"""The range of a coded depth picture, as the picture's own stream states it.

It is the ``depth_representation_info`` message of H.265, which the ``auxC`` property of a depth
picture holds.
"""

from __future__ import annotations

import math
import struct

_UNIFORM_DISPARITY = "010"  # Exp-Golomb of 1
_FIRST_VIEW = "1"  # Exp-Golomb of 0
_MANTISSA = 16
_NAL = b"\x4e\x01"  # a prefix message, layer 0
_DEPTH_REPRESENTATION = 177


def uniform_disparity(low: float, high: float) -> bytes:
    """Return the message that samples are disparity, spread evenly from `low` to `high`."""
    bits = "0011" + _UNIFORM_DISPARITY + _FIRST_VIEW + _element(low) + _element(high) + "1"
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    nal = _NAL + _guarded(bytes((_DEPTH_REPRESENTATION, len(payload))) + payload)
    return struct.pack(">II", len(nal) + 4, len(nal)) + nal


def _element(value: float) -> str:
    """Return a number: sign, 7 bits of exponent, length of the mantissa, mantissa."""
    sign = "1" if value < 0 else "0"
    fraction, exponent = math.frexp(abs(value))  # in [0.5, 1)
    exponent = exponent - 1 + 31
    if value == 0 or exponent < 1:
        return sign + f"{0:07b}{_MANTISSA - 1:05b}{0:0{_MANTISSA}b}"
    mantissa = min(round((2 * fraction - 1) * 2**_MANTISSA), 2**_MANTISSA - 1)
    return sign + f"{min(exponent, 126):07b}{_MANTISSA - 1:05b}{mantissa:0{_MANTISSA}b}"


def _guarded(data: bytes) -> bytes:
    """Insert what keeps a start code from appearing in the data (7.4.2)."""
    result = bytearray()
    zeros = 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            result.append(3)
            zeros = 0
        zeros = zeros + 1 if byte == 0 else 0
        result.append(byte)
    return bytes(result)
