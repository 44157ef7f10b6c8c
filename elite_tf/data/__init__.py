"""From images on disk to batches: data sets, preprocessing, augmentation."""
