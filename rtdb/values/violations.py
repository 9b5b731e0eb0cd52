"""The errors about values that several modules raise, with the reference's texts and codes (data-model §1.3, §1.4).

Constructors of exceptions, nothing else; the rules themselves are where values are checked and decoded.
"""

from __future__ import annotations

from rtdb.config import GIB, KIB, MIB
from rtdb.errors import DeveloperError

__all__ = [
    "display_bytes",
    "document_too_nested",
    "float64_out_of_range",
    "int64_out_of_range",
    "too_large",
    "too_long_array",
    "too_many_fields",
    "too_nested",
    "undefined_value",
    "unpaired_surrogate",
    "unsupported_type",
]


def too_nested(levels_max: int) -> DeveloperError:
    # The reference builds values from the inside out and so always meets exactly one level too many.
    return DeveloperError(
        f"Value is too nested (nested {levels_max + 1} levels deep > maximum nesting {levels_max})",
        code="TooNestedError",
    )


def document_too_nested(levels: int, levels_max: int) -> DeveloperError:
    return DeveloperError(
        f"Document is too nested (nested {levels} levels deep > maximum nesting {levels_max})",
        code="TooNestedError",
    )


def too_large(total: int, bytes_max: int) -> DeveloperError:
    return DeveloperError(
        f"Value is too large ({display_bytes(total)} > maximum size {display_bytes(bytes_max)})",
        code="ValueTooLargeError",
    )


def too_many_fields(count: int, count_max: int) -> DeveloperError:
    return DeveloperError(
        f"Object has too many fields ({count} > maximum number {count_max})", code="TooManyFieldsError"
    )


def too_long_array(count: int, count_max: int) -> DeveloperError:
    return DeveloperError(f"Array length is too long ({count} > maximum length {count_max})", code="ArrayTooLong")


def unpaired_surrogate() -> DeveloperError:
    return DeveloperError("String has an unpaired surrogate, which UTF-8 cannot represent.", code="InvalidStringError")


def undefined_value(path: str, original: str) -> DeveloperError:
    where = f" (present at path {path} in original object {original})" if path else ""
    return DeveloperError(
        f"undefined is not a valid Convex value{where}. To learn about Convex's supported types, see "
        "https://docs.convex.dev/using/types.",
        code="UnsupportedTypeError",
    )


def unsupported_type(kind: str, path: str) -> DeveloperError:
    where = f" (present at path {path})" if path else ""
    return DeveloperError(
        f"{kind} is not a supported Convex type{where}. Use None, bool, int, float, Int64, str, bytes, list or dict.",
        code="UnsupportedTypeError",
    )


def float64_out_of_range(value: int) -> DeveloperError:
    return DeveloperError(
        f"Integer {_digits(value)} is outside the range of a Convex `Float64` (-2^53 to 2^53). "
        "Consider using an `Int64`, which corresponds to a `bigint` in JavaScript.",
        code="InvalidFloat64Error",
    )


def int64_out_of_range(value: int) -> DeveloperError:
    return DeveloperError(
        f"Integer {_digits(value)} is outside the range of an `Int64` (-2^63 to 2^63 - 1).",
        code="InvalidInt64Error",
    )


def display_bytes(count: int) -> str:
    """Return a size as messages print it: ``812 B``, ``1.23 MiB``, ``32 MiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= unit:
            return f"{count / unit:.2f}".rstrip("0").rstrip(".") + f" {name}"
    return f"{count} B"


def _digits(value: int) -> str:
    # Python refuses to print integers of thousands of digits; nobody wants to read them either.
    return str(value) if value.bit_length() <= 256 else f"of {value.bit_length()} bits"
