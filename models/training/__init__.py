"""Train, quantise and evaluate the classifier: `python -m models.training.train --help`."""
