import pytest
import wandb


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch, tmp_path):
    """An environment that says nothing of W&B but where its own files are; afterwards all is as before."""
    names = (
        "MODE",
        "API_KEY",
        "BASE_URL",
        "ERROR_REPORTING",
        "DATA_DIR",
        "CACHE_DIR",
        "PROJECT",
        "NAME",
        "DIR",
    )
    for name in names:
        monkeypatch.setenv(f"WANDB_{name}", "")
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "settings"))
    yield
    wandb.teardown()
