"""Ed25519 signatures as RFC 8032 section 5.1 describes them, in plain Python: slow, small, for a test client only."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P != 0 or (x == 0 and sign == 1):
        raise ValueError("no point of the curve")
    return P - x if x & 1 != sign else x


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y, 0)
# Extended homogeneous coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z.
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
NEUTRAL = (0, 1, 1, 0)


def _add(one, two):
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(scalar, point):
    result = NEUTRAL
    while scalar > 0:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


def _decode(data):
    value = int.from_bytes(data, "little")
    y = value & ((1 << 255) - 1)
    x = _recover_x(y, value >> 255)
    return (x, y, 1, x * y % P)


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return (scalar & ((1 << 254) - 8)) | (1 << 254), digest[32:]


def public_key(seed):
    """The 32 bytes of the public key of a 32-byte seed."""
    return _encode(_multiply(_expand(seed)[0], BASE))


def sign(seed, message):
    """The 64-byte signature."""
    scalar, prefix = _expand(seed)
    public = public_key(seed)
    nonce = _hash(prefix, message) % L
    commitment = _encode(_multiply(nonce, BASE))
    challenge = _hash(commitment, public, message) % L
    return commitment + ((nonce + challenge * scalar) % L).to_bytes(32, "little")


def verify(public, message, signature):
    """True when the signature is good; never raises for bad input."""
    try:
        scalar = int.from_bytes(signature[32:], "little")
        if len(signature) != 64 or scalar >= L:
            return False
        commitment, key = _decode(signature[:32]), _decode(public)
        challenge = _hash(signature[:32], public, message) % L
        return _encode(_multiply(scalar, BASE)) == _encode(_add(commitment, _multiply(challenge, key)))
    except ValueError:
        return False
