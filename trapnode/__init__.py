"""Camera-trap unit software: trigger, burst, card, classifier, verdict, outbox, modem."""

__version__ = "0.1.0"
