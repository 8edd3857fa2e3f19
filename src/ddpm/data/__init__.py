"""From files to uint8 batches: sources, one decoding rule, a decoded cache, seeded batches.

``dataset.prepare`` is the way in and ``batches.Batches`` the way out; ``pixels`` alone knows how
the ±1 of the models is scaled, ``download`` alone opens the network.
"""
