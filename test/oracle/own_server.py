"""A cluster beside the one of the other tests, for what needs settings or accidents of its own."""

import os

import tpch
from conftest import ROOT, Session
from server_state import ServerLog

MODULE = os.environ.get("SLUICE_MODULE", str(ROOT / "build/sluice.so"))


class OwnServer:
    """Its database is postgres, with what `setup` makes. Started with `settings`, and those of each start()."""

    def __init__(self, directory, setup, *settings):
        self.directory, self.settings = directory, settings
        tpch.cluster("drop", directory)
        tpch.cluster("install", directory, MODULE)
        self.start()
        with tpch.connect(directory, "postgres").cursor() as cursor:
            cursor.execute(setup)

    def start(self, *settings):
        tpch.cluster("start", self.directory, *self.settings, *settings)
        self.log = ServerLog(self.directory)

    def session(self, **settings):
        return Session(self.directory, "postgres", statement_timeout="60s", **settings)
