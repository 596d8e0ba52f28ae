"""customer-index: who is this person? Source records, the persons derived from them and the links between owners."""
