"""Another version of the tag model comes in use while the worker runs: `beckon models promote` is enough.

What `current` names is looked at once a second. A new version is loaded and verified in a thread, its memory is
filled with the texts asked for last, and it takes over between two batches; what is under way ends with the old
one. A version that fails a check changes nothing: one line, one metric, the old one stays. `candidate` is
followed the same way: that version scores the same texts and decides nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schemas.errors import BeckonError
from streams import log
from streams.metrics import Metrics
from streams.settings import ModelSettings

if TYPE_CHECKING:
    from models_onnx.batcher import Tagger
    from models_onnx.shadow import Shadow

LOOK_S = 1.0
Pointer = Literal["current", "candidate"]


class ModelWatch:
    """Follows the pointers of one model. `replace` puts a tagger in place for every batch that begins later."""

    def __init__(
        self, settings: ModelSettings, tagger: "Tagger", metrics: Metrics, replace: Callable[["Tagger"], None]
    ) -> None:
        self._settings = settings
        self._models, self._name = Path(settings.dir), settings.tags
        self._tagger = tagger
        self._metrics = metrics
        self._replace = replace
        self._seen: dict[Pointer, tuple[object, ...]] = {}
        self._shadow_seen: dict[str, int] = {}
        self._show_model()

    async def run(self) -> None:
        """Look and show, for ever."""
        while True:
            await self.look()
            self.show()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take what the pointers name, where that has changed since the last look."""
        if await self._changed("current"):
            await self._try("current", self._follow_current)
        if await self._changed("candidate"):
            await self._try("candidate", self._follow_candidate)

    def show(self) -> None:
        """Bring the metrics up to date."""
        metrics = self._metrics
        metrics.model_waiting.set(self._tagger.waiting())
        for label, psi in self._tagger.drift().items():
            metrics.model_drift.labels(label).set(psi)
        self._count_shadow()

    async def _changed(self, pointer: Pointer) -> bool:
        from models_onnx.registry import fingerprint

        found = await asyncio.to_thread(fingerprint, self._models, self._name, pointer)
        if found == self._seen.get(pointer, ()):
            return False
        self._seen[pointer] = found
        return True

    async def _try(self, pointer: Pointer, follow: Callable[[], Awaitable[None]]) -> None:
        # A refused version is tried again when its files or the pointer change, and only then.
        try:
            await follow()
        except (BeckonError, OSError) as error:
            self._metrics.model_switches.labels("refused").inc()
            self._metrics.model_refused.labels(pointer).set(1)
            log.error("model_refused", pointer=pointer, in_use=self._tagger.model.version, problem=str(error))
        else:
            self._metrics.model_refused.labels(pointer).set(0)

    async def _follow_current(self) -> None:
        from models_onnx.registry import current_digest, load_tag_model

        before, started = self._tagger, time.monotonic()
        if await asyncio.to_thread(current_digest, self._models, self._name) == before.model.digest:
            return
        settings = self._settings
        model = await asyncio.to_thread(
            load_tag_model, self._models, self._name, settings.provider, settings.precision
        )
        new = await asyncio.to_thread(before.followed_by, model)
        self._replace(new)
        self._tagger = new
        self._show_model()
        self._metrics.model_switches.labels("done").inc()
        log.info(
            "model_switched",
            model=self._name,
            version=model.version,
            before=before.model.version,
            seconds=round(time.monotonic() - started, 3),
        )

    async def _follow_candidate(self) -> None:
        from models_onnx.registry import candidate_version, load_version
        from models_onnx.shadow import Shadow

        self._set_shadow(None)
        settings = self._settings
        version = await asyncio.to_thread(candidate_version, self._models, self._name)
        if version is None:
            return
        model = await asyncio.to_thread(
            load_version, self._models, self._name, version, settings.provider, settings.precision
        )
        self._set_shadow(Shadow(model, settings.cache_texts, settings.batch_tokens))
        log.info("model_shadowed", candidate=model.version, in_use=self._tagger.model.version)

    def _set_shadow(self, shadow: "Shadow | None") -> None:
        self._count_shadow()
        if self._tagger.shadow is not None:
            self._tagger.shadow.close()
        self._tagger.shadow = shadow
        self._shadow_seen = {}

    def _count_shadow(self) -> None:
        shadow, seen = self._tagger.shadow, self._shadow_seen
        if shadow is None:
            return
        self._shadow_seen = dict(shadow.verdicts())
        more = {verdict: texts - seen.get(verdict, 0) for verdict, texts in self._shadow_seen.items()}
        self._metrics.count(self._metrics.shadow_texts, more)

    def _show_model(self) -> None:
        self._metrics.model.clear()
        self._metrics.model_drift.clear()
        for name, version in self._tagger.model_versions.items():
            self._metrics.model.labels(name, version).set(1)
