"""case-episodes: what is being done for them? Contacts, cases, episodes and assessments."""
