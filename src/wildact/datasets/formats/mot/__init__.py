"""MOTChallenge and MOTS."""
