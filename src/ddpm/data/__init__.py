"""Data sets: image sources, decoding, the cache of decoded images, and seeded uint8 batches.

`dataset.prepare_dataset` opens a data set and `batches.Batches` yields its batches. Only `pixels`
converts to the models' range [-1, 1], and only `download` opens the network.
"""
