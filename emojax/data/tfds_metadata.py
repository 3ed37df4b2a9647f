"""The metadata with which TensorFlow Datasets opens a prepared folder."""

from __future__ import annotations

import pathlib

import numpy as np

from emojax.data.dataset import Dataset
from emojax.data.recipe import Feature


def write_tfds_metadata(dataset: Dataset) -> None:
    """Adds `features.json` and `dataset_info.json`, which `tfds.builder_from_directory(path)` opens.

    Neither writing them nor opening the builder needs TensorFlow; reading records through TFDS does.
    """
    import tensorflow_datasets as tfds  # Here, because the import is slow and training never needs it.

    folder = pathlib.Path(dataset.path)
    split_infos = [
        tfds.core.SplitInfo(
            name=name,
            shard_lengths=list(split.records_per_shard),
            num_bytes=sum((folder / shard).stat().st_size for shard in split.shards),
            filename_template=tfds.core.ShardedFileTemplate(
                data_dir=folder, dataset_name=dataset.name, split=name, filetype_suffix="tfrecord"
            ),
        )
        for name, split in dataset.splits.items()
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features={name: _tfds_feature(name, feature, dataset) for name, feature in dataset.features.items()},
        split_infos=split_infos,
        version="1.0.0",
        check_data=False,
        description=f"{dataset.name}, prepared by emojax {dataset.build.get('version', '')}".strip(),
    )


def _tfds_feature(name: str, feature: Feature, dataset: Dataset):
    import tensorflow_datasets as tfds

    if feature.kind == "bytes":
        return tfds.features.Text()
    if feature.kind == "image" and feature.encoding == "raw":
        return tfds.features.Tensor(shape=feature.shape, dtype=np.uint8, encoding="bytes")
    if feature.kind == "image":
        shape = feature.shape if len(feature.shape) == 3 else (*feature.shape, 1)
        return tfds.features.Image(shape=shape, encoding_format=feature.encoding)
    if name == "label":
        return tfds.features.ClassLabel(names=dataset.labels.classes)
    dtype = np.int64 if feature.kind == "int" else np.float32
    return tfds.features.Tensor(shape=feature.shape, dtype=dtype)
