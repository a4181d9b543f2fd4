"""Apps of this room keep compiled templates between tests: compiling them anew would be most of the time."""

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache


@pytest.fixture
def app(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.getbasetemp() / "templates"
    folder.mkdir(exist_ok=True)
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    return app
