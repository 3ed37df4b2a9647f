import pytest

from tests.systems.tiny import small_backbones
from tests.toy import make_dataset


@pytest.fixture(scope="package", autouse=True)
def backbones():
    """What is tested is around the network."""
    with small_backbones():
        yield


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"))
