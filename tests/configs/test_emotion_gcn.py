"""The systems of the Emotion-GCN thesis by name, and what each changes against its neighbour."""

from __future__ import annotations

import pytest

from configs import affectnet_gcn, affectnet_metric, base
from configs.base import Variant
from emojax import systems
from emojax.cli import load_config_file
from emojax.errors import ConfigError
from tests.configs.emotion_gcn_list import SYSTEMS, load, rows


def differences(one, other):
    """Dotted fields in which two systems differ, names and data left out."""
    one, other = _leaves(load(one).to_dict()), _leaves(load(other).to_dict())
    left_out = ("name", "preparation", "data_dir", "fold_by")
    return {k: (one[k], other[k]) for k in one if one[k] != other[k] and k not in left_out}


def _leaves(tree, prefix=""):
    found = {}
    for key, value in tree.items():
        found |= _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_every_system_of_the_list_is_there_under_its_name():
    assert len(SYSTEMS) == 74
    assert set(SYSTEMS) - set(rows()) == set()


@pytest.mark.parametrize("name", SYSTEMS)
def test_published_numbers_are_those_of_the_list(name):
    accuracy, *ccc = SYSTEMS[name]
    published = rows()[name]["published"]
    key = "accuracy"
    if name.startswith("svm"):
        key = "svm_accuracy"
    elif name.startswith("aw2"):
        key = "aff_wild2_score"
    assert published.get(key) == accuracy
    if ccc:
        assert [published["ccc_valence"], published["ccc_arousal"]] == ccc
    # What the authors' code claims stands in no table.
    assert bool(rows()[name]["table"]) == (bool(published) and name != "emotion_gcn_code")


@pytest.mark.parametrize("name", [n for n in SYSTEMS if n != "karate_demo"])
def test_every_system_builds_at_full_and_at_demo_size(name):
    for size in ("", "@demo"):
        config = load(name, size)
        assert config.name == name + size
        systems.build(config, systems.stand_in(config))


# Neighbours of the thesis's tables and the fields in which they may differ.
@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        ("base8_r50", "base8_r50_w", {"objective.expression"}),
        ("base8_r50_w", "base8_r50_w_pt", {"pretraining"}),
        ("base8_r50_w_pt", "base8_dn_w_pt", {"model.backbone"}),
        ("base8_dn_w_pt", "base8_dn_align", {"align"}),
        ("base8_dn_align", "base8_dn_full", {"augment"}),
        ("base8_dn_full", "base7", {"num_classes"}),
        ("base7", "soft_b5", {"objective.soft"}),
        ("base7", "center", {"objective.metric.name"}),
        ("base7", "island", {"objective.metric.name", "objective.metric.lambda1"}),
        ("island_eucl_m2", "island_eucl_m5", {"objective.metric.margin"}),
        ("subclass_m_k2", "subclass_m_k3", {"objective.metric.sub_centres"}),
        ("va_center_v", "va_center_a", {"objective.metric.va_use"}),
        ("mtl_ccc_classic", "mtl_ccc_concat", {"model.head"}),
        ("mtl_ccc_classic", "mtl_mse_classic", {"objective.auxiliary"}),
        ("mtl_half_mse", "mtl_half_bce", {"objective.auxiliary"}),
        ("mtl_quarter_concat", "mtl_twelve_concat", {"objective.regions"}),
        ("mtl_eight_concat", "eight_exprsampler_wce_wce", {"sampler"}),
        ("eight_exprsampler_wce_wce", "eight_exprsampler_ce_wce", {"objective.expression"}),
        ("eight_exprsampler_ce_wce", "eight_exprsampler_ce_ce", {"objective.region_loss"}),
        ("mtl_eight_concat", "eight_agesampler", {"sampler"}),
        ("mtl_eight_concat", "eight_focal_wce", {"objective.expression"}),
        ("eight_focal_wce", "eight_focal_focal", {"objective.region_loss"}),
        ("mtl_ccc_classic", "ccc_island_classic", {"objective.metric.name", "objective.metric.lambda1"}),
        ("ccc_subclass_k3_concat", "ccc_subclass_k5_concat", {"objective.metric.sub_centres"}),
        ("eight_island_classic", "svm_eight_island", {"svm.kernel"}),
        ("eight_subclass_k5_concat", "svm_eight_subclass_k5", {"svm.kernel"}),
        ("ccc_subclass_k5_classic", "svm_ccc_subclass_k5", {"svm.kernel"}),
        ("mtl_ccc_classic", "emotion_gcn", {"model.head", "model.pool", "model.final_relu"}),
        (
            "emotion_gcn",
            "emotion_gcn_code",
            {"model.gcn.transpose", "model.gcn.p", "augment", "objective.ccc_bias_parity"},
        ),
        ("emotion_gcn", "emotion_gcn_condprob", {"model.gcn.category_block"}),
        ("aw2_single", "aw2_mtl_ccc", {"model.head", "objective.auxiliary"}),
        ("aw2_mtl_ccc", "aw2_emotion_gcn", {"model.head", "model.pool", "model.final_relu"}),
        (
            "emotion_gcn",
            "aw2_emotion_gcn",
            {"image_size", "align", "monitor", "objective.expression"},
        ),
    ],
)
def test_neighbours_differ_only_in_what_the_thesis_says(one, other, fields):
    assert differences(one, other).keys() == fields


def test_the_thesis_recipe():
    config = load("emotion_gcn")
    assert (config.batch_size, config.num_epochs, config.image_size) == (35, 10, 227)
    optimizer = config.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.momentum) == ("sgd", 0.001, 0.9)
    assert (optimizer.weight_decay, optimizer.schedule) == (0.001, "constant")


def test_the_sweeps_are_thirty_distinct_runs_whose_shared_cell_is_the_headline():
    tau, p = (affectnet_gcn.VARIANTS[n].cells for n in ("emotion_gcn_tau", "emotion_gcn_p"))
    assert (len(tau), len(p)) == (12, 21)
    assert len({*tau, *p}) == 30 == len(affectnet_gcn.CELLS)
    cell = _leaves(affectnet_gcn.get_config("gcn_l2_tau0.1_p0.7").to_dict())
    headline = _leaves(load("emotion_gcn").to_dict())
    assert {k for k in cell if cell[k] != headline[k]} == {"name"}
    assert affectnet_gcn.CELLS["gcn_l3_tau0.15_p0.7"].published == {"accuracy": 65.74}
    assert affectnet_gcn.CELLS["gcn_l1_tau0.1_p0.8"].published == {"accuracy": 59.31}


@pytest.mark.parametrize("name", ["gcn_l1_tau0_p0.7", "gcn_l3_tau0.15_p0.7", "gcn_l2_tau0.1_p0.2@demo"])
def test_cells_build(name):
    config = affectnet_gcn.get_config(name)
    systems.build(config, systems.stand_in(config))


def test_a_table_may_print_another_value():
    from configs.affectnet_multitask import VARIANTS

    variant = VARIANTS["mtl_ccc_classic"]
    assert variant.tables == ("5.1", "6.1", "6.3")
    assert variant.published_in("5.1")["accuracy"] == 65.63
    assert variant.published_in("6.1")["accuracy"] == 65.69


def test_an_unknown_variant_lists_the_near_ones():
    with pytest.raises(ConfigError, match=r"'iland'.*island"):
        load_config_file("configs/affectnet_metric.py:iland")
    with pytest.raises(ConfigError, match=r"'emotion_gnc'.*emotion_gcn"):
        load_config_file("configs/affectnet_gcn.py:emotion_gnc@demo")


def test_an_unknown_size_is_refused():
    with pytest.raises(ConfigError, match="no size 'huge' of 'island'; there is island@demo"):
        load_config_file("configs/affectnet_metric.py:island@huge")
    with pytest.raises(ConfigError, match="no size 'demo' of 'karate_demo'"):
        load_config_file("configs/karate_demo.py:karate_demo@demo")


def test_the_demo_size_keeps_head_and_objective():
    full, small = (
        _leaves(load("ccc_island_concat").to_dict()),
        _leaves(load("ccc_island_concat", "@demo").to_dict()),
    )
    changed = {k for k in full if full[k] != small[k]}
    assert not {k for k in changed if k.startswith("objective.") or k == "model.head"}
    assert small["data_dir"] == "data/synthetic_affectnet" and small["model.backbone"] == "densenet_tiny"
    assert small["image_size"] == 64


def test_one_entry_makes_another_system(monkeypatch):
    """The 75th system."""
    entry = Variant(affectnet_metric.metric("island_euclidean", margin=3.0, lambda1=0.02), "margin 3")
    monkeypatch.setitem(affectnet_metric.VARIANTS, "island_eucl_m3", entry)
    config = affectnet_metric.get_config("island_eucl_m3")
    system = systems.build(config, systems.stand_in(config))
    assert system.objective.centres.shape == (7, 1024)


def test_a_change_of_a_field_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        base.apply(base.faces(), {"typo": Variant({"objective.metrik": 1}, "")}, "typo")
