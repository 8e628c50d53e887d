import pytest
from tiny_training import write_digits


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits") / "prepared")


@pytest.fixture(scope="session", autouse=True)
def unseen_tracking(tmp_path_factory):
    """One tracking store for all launches, so that its tables are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")
        yield
