"""The Regression GAN: thesis 002, sections 4.4, 5 and 6.2; affwild_gan spec sections 2.5-2.7, 3, 4, 5 and 8."""

from __future__ import annotations

from ml_collections import ConfigDict

from configs import base
from configs.affwild import adam, frames_of_videos, reported
from configs.base import Variant

FAMILY = "affwild"
DATASET = "Aff-Wild"

_BIG = {"train_set": "big", "data_dir": "data/affwild_64", "model.generator_updates": 2}

_SYSTEMS = {
    "affwild_reggan_small": Variant({}, "Regression GAN, small set, one generator step"),
    "affwild_reggan_big": Variant(_BIG, "big set, two generator steps"),
    "affwild_reggan_match_const1": Variant(
        {"model.match_schedule": "constant", "model.match_weight": 1.0},
        "pixels matched with the constant weight 1",
    ),
    "affwild_reggan_featmatch": Variant(
        {
            "model.match_space": "features",
            "model.match_reduce": "batch_mean",
            "model.match_schedule": "constant",
            "model.match_weight": 1.0,
        },
        "feature matching in place of pixels",
    ),
    "affwild_reggan_nosmooth": Variant({"model.smooth_side": "none"}, "without label smoothing"),
    "affwild_reggan_mse": Variant({"model.supervised": "mse"}, "squared error in place of 1 - CCC"),
    "affwild_d_regressor": Variant(
        {"model.adversarial_weight": 0.0, "model.generator_updates": 0},
        "the discriminator as a plain regressor, no GAN",
    ),
    "affwild_dcgan": Variant({"model.supervised_weight": 0.0}, "unsupervised alone"),
    # Future work of the thesis (spec 2.7): published CapsuleGAN, with a linear layer on the capsule.
    "affwild_capsgan_va": Variant(
        {"model.discriminator": "capsule", "model.adversarial": "margin"},
        "CapsuleGAN: the discriminator is a capsule network",
    ),
    "affwild_reggan_labels01": Variant({"model.label_fraction": 0.01}, "labels of 1 % of the videos"),
    "affwild_reggan_labels10": Variant({"model.label_fraction": 0.1}, "labels of 10 % of the videos"),
}
VARIANTS = {name: reported(name, variant) for name, variant in _SYSTEMS.items()}


def face_gan() -> ConfigDict:
    """Faces of 64 px, batches of 64, Adam 1e-4 and 2e-4 with beta1 0.5, 18,000 iterations (spec 4)."""
    config = frames_of_videos("face_gan", 64, "data/affwild_small_64")
    config.eval_batch_size = 200
    config.model = _gan()
    config.optimizer = adam(())  # of the discriminator; the generator has a rate of its own
    config.optimizer.beta1 = 0.5
    config.optimizer.clip_norm = 20.0
    return config


def _gan() -> ConfigDict:
    gan = ConfigDict()
    gan.noise = 100
    gan.discriminator = "convolution"  # convolution, capsule
    gan.adversarial = "cross_entropy"  # cross_entropy, margin
    gan.generator_channels = 512  # of the 4 x 4 map; 1024: the original DCGAN
    gan.discriminator_channels = 64
    gan.dropout = 0.5  # of the discriminator
    gan.generator_updates = 1  # after each update of the discriminator
    gan.generator_learning_rate = 2e-4
    gan.supervised = "ccc"  # ccc, mse
    gan.supervised_weight = 1.0
    gan.adversarial_weight = 1.0
    gan.smooth_alpha = 0.9
    gan.smooth_side = "fake"  # fake, real, none: whose target is smoothed (spec 3.5)
    gan.match_space = "pixels"  # pixels, features
    gan.match_reduce = "per_sample"  # per_sample, batch_mean
    gan.match_schedule = "anneal"  # anneal, constant
    gan.match_weight = 10.0
    gan.match_anneal_steps = 1500
    gan.match_floor = 0.0
    gan.label_fraction = 1.0  # share of the training videos whose labels are used, at least one (spec 5.5)
    gan.sheet_steps = (1, 1_250, 7_500, 11_250, 13_750, 18_000)  # iterations whose sheets are kept (spec 5.4)
    return gan


def demo_face_gan(config: ConfigDict) -> None:
    """Makes a config of `face_gan()` small: faces of 32 px, narrow networks, minutes on a CPU.

    So narrow a discriminator learns slowly at first: its rate is the larger one here, or the generator runs away.
    """
    config.update_from_flattened_dict(
        {
            "data_dir": "data/synthetic_affwild",
            "train_set": "big",
            "image_size": 32,
            "batch_size": 32,
            "num_steps": 1000,
            "model.generator_channels": 64,
            "model.discriminator_channels": 16,
            "model.noise": 32,
            "model.match_anneal_steps": 200,
            "model.sheet_steps": (1, 50, 100, 200, 300, 500, 700, 1000),
            "model.dropout": 0.1,
            "optimizer.learning_rate": 3e-3,
            "model.generator_learning_rate": 1e-3,
            "run.eval_every_steps": 100,
            "run.log_every": 10,
            "run.checkpoint_every_steps": 200,
        }
    )


def get_config(variant: str = "affwild_reggan_small") -> ConfigDict:
    """Config of one of `VARIANTS`; ``VARIANT@demo`` is small."""
    return base.apply(face_gan(), VARIANTS, variant, demo_size=demo_face_gan)
