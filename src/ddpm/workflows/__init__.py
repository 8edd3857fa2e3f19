"""The verbs: the only place where data, models, training, pictures and files are put together."""
