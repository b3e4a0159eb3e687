"""The past of the bank: history files in merged order, folded into customer records."""
