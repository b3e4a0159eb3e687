"""Words that every part shares: ids, time, money, messages, the catalogue of offers, errors."""
