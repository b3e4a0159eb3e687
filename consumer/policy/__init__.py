"""Which candidate may be offered, which is chosen and with what probability; pure."""
