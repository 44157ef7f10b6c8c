"""Pictures in: data sets, preprocessing, augmentation, batches."""
