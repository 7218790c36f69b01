"""Whether this process lives, is ready, and lets new work in."""

# ruff: noqa: ARG002 -- every handler takes the request

from dataclasses import dataclass

from serving.counts.families import LOADED
from serving.counts.sheet import Sheet
from serving.errors import Unavailable
from serving.wire.messages import Reply, Request

_LOADING = "no model is loaded yet: try again in a moment"
_HANGS = "a run of the model does not return: this server has to be started again"
_DRAINING = "the server is shutting down: send the request again"


@dataclass(slots=True)
class Health:
    """Ready when every worker has loaded its model once, until draining starts.

    While draining, work is still let in; `refusing` ends that.
    """

    sheet: Sheet
    draining: bool = False
    refusing: bool = False
    hangs: bool = False  # a run of the model that does not return
    _loaded: bool = False

    def admit(self) -> None:
        """Raise Unavailable while there is no model everywhere, or when refusing.

        Whichever worker is asked, the answer is the same: one that has loaded first waits.
        """
        if not self._everyone_loaded():
            raise Unavailable(_LOADING)
        if self.refusing:
            raise Unavailable(_DRAINING)
        if self.hangs:
            raise Unavailable(_HANGS)

    def _everyone_loaded(self) -> bool:
        if not self._loaded:
            self._loaded = self.sheet.touched_by_all(*LOADED)
        return self._loaded

    async def live(self, request: Request) -> Reply:
        self.check_live()
        return Reply(b'{"live":true}')

    async def ready(self, request: Request) -> Reply:
        self.check_ready()
        return Reply(b'{"ready":true}')

    def check_live(self) -> None:
        """Raise Unavailable, too, where only a new process helps."""
        if self.hangs:
            raise Unavailable(_HANGS)

    def check_ready(self) -> None:
        """Raise Unavailable with the reason."""
        if not self._everyone_loaded():
            raise Unavailable(_LOADING)
        if self.draining:
            raise Unavailable(_DRAINING)
        if self.hangs:
            raise Unavailable(_HANGS)
