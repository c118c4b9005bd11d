"""Who a peer is: certificates and tokens, read and judged."""
