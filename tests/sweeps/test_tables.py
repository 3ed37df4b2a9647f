"""Rows and published numbers of every table, as printed in the theses (emotion_gcn 7, context_emotion 7)."""

from __future__ import annotations

import numpy as np
import pytest

from configs.tables import TABLES
from emojax import datasets
from emojax.catalogue import catalogue
from emojax.errors import ConfigError
from emojax.sweeps.tables import find_table, table_names

# Table -> what each row prints: one number a metric.
PRINTED = {
    "3.1": [47.8, 53.2, 55.4, 57.3, 59.5, 61.4, 64.37],
    "3.2": [64.37, 64.68, 65.05],
    "4.1": [
        64.37, 64.37, 64.77, 65.11, 65.05, 65.06, 64.43, 64.43, 65.26, 65.29, 64.11, 64.6, 64.91,
    ],
    "5.1": [
        64.37, 64.8, 64.74, 65.63, 65.43, 65.2, 64.89, 65.26, 65.14, 65.63, 65.86, 65.97, 65.43, 65.11,
    ],
    "5.2": [65.97, 60.74, 62.86, 62.77, 62.43, 64, 64.74],
    "5.3": [65.6, 65.57, 64.89, 65.77, 65.43, 65.71, 65.25, 65.2, 64.86, 64.37, 65.69, 65.69],
    "5.4": [(65.25, 65.71), (65.69, 65.63), (65.6, 65.69), (65.77, 65.8)],
    "6.5": [60.49, 61.14, 61.94],
    "emotic/4.4": [26.05, 27.39],
    "emotic/4.5": [0.0943, 0.0923],
    "emotic/4.6": [27.39, 29.39],
    "emotic/4.7": [0.0923, 0.0910],
    "emotic/4.8": [29.39, 29.45, 29.81],
    "emotic/4.9": [0.0910, 0.0894, 0.0885],
    "emotic/4.10": [29.81, 29.86, 30.19],
    "emotic/4.11": [0.0885, 0.0876, 0.0874],
    "emotic/4.12": [30.19, 29.49, 29.81],
    "emotic/4.13": [0.0874, 0.0884, 0.0876],
    "emotic/4.14": [30.19, 30.35, 30.20],
    "emotic/4.15": [0.0874, 0.0901, 0.0888],
    "emotic/4.16": [(30.19, 0.0874), (30.74, 0.0873)],
    "emotic/4.17": [30.74, 31.09],
    "emotic/4.18": [0.0873, 0.0885],
    "emotic/4.19": [31.09, 31.29],
    "emotic/4.20": [0.0885, 0.0889],
}  # fmt: skip

# Tables with a column a data set: row -> numbers.
SIX_ONE = {
    "base7": (64.37,),
    "mtl_mse_classic": (64.8,),
    "mtl_ccc_classic": (65.69,),
    "emotion_gcn": (66.46,),
    "aw2_single": (45.06,),
    "aw2_mtl_mse": (43.1,),
    "aw2_mtl_ccc": (43.33,),
    "aw2_emotion_gcn": (48.92,),
}
SIX_THREE = {
    "va_single": (0.761, 0.628),
    "mtl_mse_classic": (0.752, 0.572),
    "mtl_ccc_classic": (0.768, 0.651),
    "emotion_gcn": (0.767, 0.649),
    "aw2_va_single": (0.416, 0.501),
    "aw2_mtl_mse": (0.435, 0.378),
    "aw2_mtl_ccc": (0.408, 0.481),
    "aw2_emotion_gcn": (0.457, 0.514),
}
# Table 6.2: layers -> accuracy at p 0.7 by tau, at tau 0.1 by p.
BY_TAU = {
    1: {0: 53.09, 0.05: 43.85, 0.1: 53.71, 0.15: 54.94},
    2: {0: 65.29, 0.05: 65.31, 0.1: 66.46, 0.15: 65.69},
    3: {0: 65.77, 0.05: 64.94, 0.1: 64.74, 0.15: 65.74},
}
BY_P = {
    1: {0.2: 49.6, 0.3: 50.94, 0.4: 52.57, 0.5: 52.66, 0.6: 52.86, 0.7: 53.71, 0.8: 59.31},
    2: {0.2: 65.71, 0.3: 66.14, 0.4: 65.29, 0.5: 66.29, 0.6: 66.09, 0.7: 66.46, 0.8: 65.06},
    3: {0.2: 65.29, 0.3: 65.54, 0.4: 65.89, 0.5: 66.09, 0.6: 65.54, 0.7: 64.74, 0.8: 65.83},
}


def numbers(row) -> tuple[float, ...]:
    return tuple(row.published.values())


@pytest.mark.parametrize("name", PRINTED)
def test_rows_and_numbers_are_those_that_the_thesis_prints(name):
    wanted = [value if isinstance(value, tuple) else (value,) for value in PRINTED[name]]
    assert sorted(numbers(row) for row in find_table(name).rows) == sorted(wanted)


@pytest.mark.parametrize(("name", "printed"), [("6.1", SIX_ONE), ("6.3", SIX_THREE)])
def test_tables_of_two_data_sets_have_the_rows_of_both(name, printed):
    rows = {row.name: row for row in find_table(name).rows}
    assert {key: numbers(row) for key, row in rows.items()} == printed
    assert {row.dataset for row in rows.values()} == {"AffectNet", "Aff-Wild2"}


def mean_of(name, metric):
    return np.mean([row.published[metric] for row in find_table(f"affwild_lstm/{name}").rows])


@pytest.mark.parametrize(
    ("metric", "scale", "tables", "means"),
    [  # affwild_cnn_rnn spec 6.4: training, validation, test split of one family; then of both together
        ("accuracy", 100, ("C.1", "5.1", "C.5"), (0.530, 0.363, 0.325)),
        ("accuracy", 100, ("C.3", "5.3", "C.7"), (0.678, 0.528, 0.262)),
        ("ccc_valence", 1, ("C.2", "5.2", "C.6"), (0.555, 0.060, -0.005)),
        ("ccc_arousal", 1, ("C.4", "5.6", "C.8"), (0.468, 0.097, 0.000)),
        ("mse_valence", 1, ("C.2", "5.2", "C.6"), (0.155, 0.327, 0.418)),
        ("mse_arousal", 1, ("C.4", "5.6", "C.8"), (0.065, 0.122, 0.192)),
    ],
)
def test_the_tables_of_the_frozen_lstms_have_the_means_of_the_specification(metric, scale, tables, means):
    for name, mean in zip(tables, means):
        assert mean_of(name, metric) / scale == pytest.approx(mean, abs=1e-3)


def test_a_table_of_the_frozen_lstms_has_the_same_systems_on_the_training_and_the_test_split_beside_it():
    for name in ("5.1", "5.2", "5.3", "5.4", "5.6", "5.7", "pairs"):
        table = find_table(f"affwild_lstm/{name}")
        assert [other.printed.split for other in table.beside] == ["train", "test"]
        for other in table.beside:
            assert [row.name for row in other.rows] == [row.name for row in table.rows]
    (best,) = find_table("affwild_lstm/5.5").rows
    assert best.published["f1_sad"] == 76 and best.published["precision_average"] == 49
    recalls = [row.published["recall_sad"] for row in find_table("affwild_lstm/5.4").rows]
    assert recalls == [86, 93]


def test_the_ablation_table_has_every_cell_of_both_sweeps_once():
    table = find_table("6.2")
    assert len(table.rows) == len({row.name for row in table.rows}) == 30
    published = {row.name: row.published["accuracy"] for row in table.rows}
    by_tau, by_p = table.sweeps
    for sweep, field, printed in ((by_tau, "model.gcn.tau", BY_TAU), (by_p, "model.gcn.p", BY_P)):
        found = {(at["model.gcn.layers"], at[field]): published[name] for name, at in sweep.cells.items()}
        assert found == {(n, v): a for n, row in printed.items() for v, a in row.items()}


def test_every_table_that_a_system_names_is_described():
    for entry in catalogue():
        for number in filter(None, entry["table"].split(", ")):
            assert number in TABLES[entry["family"]], f"{entry['name']} names table {number}"


def test_every_table_has_rows_with_numbers_and_a_known_data_set():
    for name in table_names():
        rows = find_table(name).rows
        assert rows and all(row.published and datasets.card(row.dataset).records for row in rows), name


def test_rows_with_one_network_train_it_once():
    networks = {row.name: row.network.name for name in ("5.4", "6.2") for row in find_table(name).rows}
    assert networks["svm_eight_island"] == "eight_island_classic"
    assert networks["svm_eight_subclass_k5"] == "eight_subclass_k5_concat"
    assert networks["svm_ccc_island"] == "ccc_island_classic"
    assert networks["svm_ccc_subclass_k5"] == "ccc_subclass_k5_classic"
    assert networks["gcn_l2_tau0.1_p0.7"] == "emotion_gcn"
    others = {k: v for k, v in networks.items() if not k.startswith("svm") and k != "gcn_l2_tau0.1_p0.7"}
    assert all(name == network for name, network in others.items())


def test_an_unknown_table_names_the_near_ones():
    with pytest.raises(ConfigError, match=r"no table '5\.5'\. Did you mean .*5\.4.*There are 3\.1, "):
        find_table("5.5")
    with pytest.raises(ConfigError, match=r"no table 'emotic/4\.23'\. Did you mean .*emotic/4\.2"):
        find_table("emotic/4.23")
    with pytest.raises(ConfigError, match=r"no table 'emoti/4\.4'\. Did you mean emotic/4\.4"):
        find_table("emoti/4.4")


def test_an_unknown_row_names_the_near_ones():
    with pytest.raises(ConfigError, match=r"no row 'mtl_cc_classic'; did you mean mtl_ccc_classic"):
        find_table("5.1").select(("mtl_cc_classic",))


def test_the_tables_of_thesis_002_print_curves_beside_the_test_split():
    small, big = "affwild_reggan_small", "affwild_reggan_big"
    rows = {
        n: {row.name: row.published for row in find_table(f"affwild/{n}").rows}
        for n in TABLES["affwild"]
        if n.startswith("6.")
    }
    assert list(rows["6.1"]) == ["affwild_cnnm_small"] and rows["6.1"]["affwild_cnnm_small"] == {
        "training_error_minimum": 0.04,
        "training_error_mean": 0.19,
        "training_error_std": 0.28,
        "testing_error_minimum": 0.58,
        "testing_error_mean": 0.76,
        "testing_error_std": 0.1,
    }
    assert (
        rows["6.2"][small]["generator_error_mean"] == 3.7 and rows["6.5"][big]["generator_error_std"] == 0.45
    )
    assert (
        rows["6.2"][small]["discriminator_error_mean"] == rows["6.2"][small]["adversarial_error_mean"] == 0.68
    )
    assert rows["6.3"][small]["testing_error_minimum"] == 0.66
    assert rows["6.4"] == {small: {"judged_real_real": 0.99, "judged_real_fake": 0.07}}
    assert rows["6.6"][big]["testing_error_minimum"] == 0.4
    assert rows["6.7"] == {
        small: {"ccc_maximum": 0.34, "ccc_average": 0.23},
        big: {"ccc_maximum": 0.6, "ccc_average": 0.48},
    }
    # The thesis's own check (spec 5.3): the best and the mean CCC follow from the errors of the testing set.
    for number, name in (("6.3", small), ("6.6", big)):
        for statistic, ccc in (("minimum", "maximum"), ("mean", "average")):
            error = rows[number][name][f"testing_error_{statistic}"]
            assert rows["6.7"][name][f"ccc_{ccc}"] == pytest.approx(1 - error)
    assert [other.printed.split for other in find_table("affwild/6.7").beside] == ["test"]
