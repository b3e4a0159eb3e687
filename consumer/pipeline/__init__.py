"""L2: the one place where features, scoring, policy and learning meet."""
