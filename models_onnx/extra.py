"""Training needs packages that serving does not: say which extra brings them, instead of a stack trace."""

from importlib.util import find_spec

from schemas.errors import SettingsError

_MODULES = ("torch", "transformers", "onnxscript", "sklearn", "matplotlib")


def require_train_extra() -> None:
    """Raise `SettingsError` that names the extra when a package of training is missing."""
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise SettingsError(
            "beckon train", f"needs {', '.join(missing)}", "install the extra: pip install 'beckon[train]'"
        )
