"""TLS 1.3 only for gRPC, which has no setting for it; to be imported before grpc.

gRPC's cipher list governs TLS 1.2 and below; the TLS 1.3 suites are fixed. A list with nothing but a pre-shared-key
suite, for which no key is ever set, leaves TLS 1.2 without a usable cipher: its handshake fails, and 1.3 is untouched.
The variable is read when grpc's core initialises, so it is set here at import. It holds for clients in the process too.
"""

from __future__ import annotations

import os

os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-CHACHA20-POLY1305"

TLS13_ONLY = True
