"""The fixtures of the end-to-end tests, and where their harness is."""
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
spec = importlib.util.spec_from_file_location("integration_conftest", HERE.parent / "integration/conftest.py")
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)  # puts its folder, with the harness, into sys.path
globals().update({k: v for k, v in vars(module).items() if not k.startswith("__")})
