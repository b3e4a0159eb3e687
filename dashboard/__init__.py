"""Pages and API that read ledger, stores and metrics, and never write state."""
