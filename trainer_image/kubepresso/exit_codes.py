"""What the exit status of a training process or pod means to whoever started it."""

from __future__ import annotations

#: Ended before its time, with a checkpoint written: start it again with the same command and it goes on.
#: 128 + 75 (``EX_TEMPFAIL`` of sysexits.h): above 127, which a PyTorchJob takes as worth a retry, and no
#: signal's number.
RESUME_EXIT_CODE = 203
