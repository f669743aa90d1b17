"""The command line as a program of its own, with encoders that a test can predict."""

from cli.main import main
from tests.conftest import FakeEncoder
from unisearch.encoders.load import ENCODERS

for encoder in (FakeEncoder(), FakeEncoder(name="unimo-mini")):
    ENCODERS[encoder.name] = lambda threads=None, encoder=encoder: encoder

if __name__ == "__main__":
    main()
