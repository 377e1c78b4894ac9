"""Trains the embedding network: data, augmentation, losses, mining, loop, export."""
