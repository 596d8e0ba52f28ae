"""How well records become people: the matching of customer-index run over data whose truth is known, and judged.

Only what customer-index offers to everyone is used, and the arithmetic of quality is the demo's.
"""
