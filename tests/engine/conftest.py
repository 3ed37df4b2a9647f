import pytest

from tests.systems.tiny import use_small_backbones
from tests.toy import make_dataset


@pytest.fixture(scope="package", autouse=True)
def small_backbones():
    """What is tested is around the network."""
    with pytest.MonkeyPatch.context() as patch:
        use_small_backbones(patch)
        yield


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("toy"))
