"""The table of model families: which class asks a model of each, loaded when it is asked for."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from auditor.model_settings import ContrastiveModel, GenerativeModel, HttpModel, PluginModel
from auditor.replay.gallery import Gallery
from auditor.replay.protocol import Model, ReplayError
from auditor.settings import AuditSettings

#: Packages offer `name = package:factory`; the factory is given the options of audit.yaml and the image folder.
GROUP = "auditor.models"


def model_for(settings: AuditSettings, folder: Path, gallery: Callable[[], Gallery] = Gallery) -> Model:
    """The model that audit.yaml names; relative addresses of images start at `folder`.

    `gallery` reads what is searched in, where the model is asked to search.

    Raises ReplayError where it names none, or one that this machine has not.
    """
    setting = settings.model
    if isinstance(setting, HttpModel):
        from auditor.replay.http import HttpServed

        return HttpServed(setting, folder)
    if isinstance(setting, ContrastiveModel):
        if set(settings.tasks) == {"retrieval"}:
            from auditor.replay.search import ContrastiveSearch

            return ContrastiveSearch(setting, gallery(), folder)
        if set(settings.tasks) != {"classification"}:
            raise ReplayError(
                f"A model of the family {setting.family} scores findings or searches: audit classification alone, "
                "or retrieval alone."
            )
        from auditor.replay.contrastive import Contrastive

        return Contrastive(setting, settings.tasks["classification"].findings, folder)
    if isinstance(setting, GenerativeModel):
        from auditor.replay.generative import Generative

        return Generative(setting, folder)
    if isinstance(setting, PluginModel):
        return _plugin(setting, folder)
    raise ReplayError(f"audit.yaml of {settings.system} names no model; add 'model:' and apply it again.")


def _plugin(setting: PluginModel, folder: Path) -> Model:
    found = {one.name: one for one in entry_points(group=GROUP)}
    if setting.name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ReplayError(f"No installed package offers the model {setting.name!r} (offered: {known}).")
    model: Model = found[setting.name].load()(setting.options, folder)
    return model
