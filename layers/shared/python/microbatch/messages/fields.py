"""The fields' types on the wire."""

from typing import Annotated

from microbatch.codec import BYTES, F64, FIX16, STR, U32, U64

Text = Annotated[str, STR]
Fix16 = Annotated[str, FIX16]
Count = Annotated[int, U64]
Seconds = Annotated[int, U64]
Seconds32 = Annotated[int, U32]
Octets = Annotated[bytes, BYTES]
Hint = Annotated[float, F64]  # a double: for people and cross-checks, never what is paid
