"""From a name, folder or file to a model, a data set, a checkpoint or a guide."""
