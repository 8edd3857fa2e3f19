"""The examination of one hand-in: everything that is computed from its files alone, as a plain row."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from ddpm.commands.bundle import (
    SETS,
    SIDES,
    HandInError,
    check_files,
    grid_name,
    loss_name,
    report_name,
    student_id_of,
)
from ddpm.commands.grade.grid_cells import cell_fingerprints, fingerprint, grid_images
from ddpm.commands.grade.grid_scores import GridScorer
from ddpm.commands.grade.handed_weights import HandedWeights, open_weights
from ddpm.commands.grade.own_code import OwnCode, own_code
from ddpm.commands.grade.stated_facts import cited_sources, training_facts
from ddpm.commands.grade.submissions import Files, Submission, read_files
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.grid_reader import open_jpeg

FORMAT = 1
STATES = {"ok": "right", "wrong": "wrong", "not verifiable": "not verifiable"}
_THUMBNAIL = (420, 420)  # pixels at most
_MAX_STEPS = 300  # of a sampler; a grid of more is not sampled again

Record = dict[str, Any]


@dataclass(frozen=True)
class Examiner:
    """Resources that all examinations share: a scorer for each data set, and code given to everybody."""

    scorers: Mapping[str, GridScorer]
    known_code: frozenset[str] = frozenset()  # hashes, see `own_code.code_hash`
    device: str = "auto"
    codes: dict[str, OwnCode] = field(default_factory=dict)  # by key; filled by `examine`

    def examine(self, submission: Submission, key: str) -> Record:
        """Return the record of a hand-in. A fault of any kind becomes a check, and never an error."""
        record: Record = {"format": FORMAT, "key": key, "name": submission.name, "checks": []}
        record |= {"student_id": student_id_of(submission.archive_name([]), [])}
        try:
            files = read_files(submission)
        except HandInError as error:
            return record | {"checks": [_check("archive", "wrong", str(error))]}
        try:
            return record | self._contents(submission, files, key)
        except Exception as error:  # the other hand-ins of the class are examined all the same
            text = f"could not be examined ({type(error).__name__}: {error}); look at it yourself"
            return record | {"checks": [_check("archive", "not verifiable", text)]}

    def _contents(self, submission: Submission, files: Files, key: str) -> Record:
        archive, contents = submission.archive_name(files), dict(files)
        student_id = student_id_of(archive, contents)
        weights = open_weights(files, self.device)
        pictures = {name: _Picture.read(contents[name]) for name in _picture_names(contents)}
        models = {
            images: model
            for images in SETS
            if (model := _model_of(pictures.get(grid_name(images)), images, weights)) is not None
        }
        findings = check_files(archive, files, models)
        checks = [_check("archive", "right", f"{len(files)} files, none of them run")]
        checks += [_check(each.subject, STATES[each.verdict], each.text) for each in findings]
        checks += _redrawing(pictures, models)
        checks += [
            _check(each.file, "not verifiable", each.fault) for each in weights if each.fault
        ]
        checks.append(_check("sources", *cited_sources(contents, report_name(student_id))))
        code = own_code(files, self.known_code)
        self.codes[key] = code
        return {
            "student_id": student_id,
            "checks": checks,
            "pictures": {name: picture.row() for name, picture in pictures.items()},
            "scores": self._scores(pictures),
            "weights": [each.row() for each in weights],
            "facts": training_facts(contents),
            "code": code.row(),
        }

    def _scores(self, pictures: Mapping[str, _Picture]) -> Record:
        """Return the score rows of each grid, or why it has none."""
        scores: Record = {}
        for images in SETS:
            picture = pictures.get(grid_name(images))
            if picture is None or picture.image is None:
                scores[images] = "not measured: there is no such picture"
                continue
            cells = grid_images(picture.image, SIDES[images])
            if cells is None or cells.shape[2:] != (SIDES[images], SIDES[images]):
                side = SIDES[images]
                scores[images] = f"not measured: no 5x5 cells of {side}x{side} were found"
                continue
            picture.fingerprints += cell_fingerprints(cells)
            scores[images] = self.scorers[images].rows(cells)
        return scores


@dataclass
class _Picture:
    """A picture of a hand-in; `image` is None if it is no readable JPEG."""

    image: Image.Image | None
    mark: GridMark | None = None
    fingerprints: list[str] = field(default_factory=list)  # of the cells of a grid

    @classmethod
    def read(cls, content: bytes) -> _Picture:
        try:
            image = open_jpeg(content)
        except RequestError:
            return cls(None)
        try:
            return cls(image, read_grid_mark(image))
        except RequestError:
            return cls(image)

    def row(self) -> Record:
        """Return a thumbnail encoded anew, and the fingerprints."""
        if self.image is None:
            return {}
        shown = self.image.convert("RGB")
        pixels = hashlib.sha256(f"{shown.size}".encode() + shown.tobytes()).hexdigest()[:16]
        whole = fingerprint(shown)
        size = shown.size
        shown.thumbnail(_THUMBNAIL)
        buffer = io.BytesIO()
        shown.save(buffer, "JPEG", quality=85)
        return {
            "thumbnail": base64.b64encode(buffer.getvalue()).decode(),
            "size": list(size),
            "pixels": pixels,
            "fingerprint": whole,
            "cells": self.fingerprints,
            "weights": self.mark.weights_hash if self.mark else "",
        }


def _picture_names(contents: Mapping[str, bytes]) -> list[str]:
    wanted = [name for images in SETS for name in (grid_name(images), loss_name(images))]
    return [name for name in wanted if name in contents]


def _model_of(
    picture: _Picture | None, images: str, weights: Sequence[HandedWeights]
) -> GenerativeModel | None:
    """Return the handed-in model that should sample a grid again: the one it names, else one of its size."""
    if picture is None or picture.mark is None:
        return None
    steps = picture.mark.sampling.get("steps", 1)
    if not isinstance(steps, int) or steps > _MAX_STEPS:
        return None
    models = [each.model for each in weights if each.model is not None]
    named = [model for model in models if weights_hash(model) == picture.mark.weights_hash]
    side = SIDES[images]
    sized = [model for model in models if model.spec.image_shape[1:] == (side, side)]
    return next(iter(named + sized), None)


def _redrawing(
    pictures: Mapping[str, _Picture], models: Mapping[str, GenerativeModel]
) -> list[Record]:
    """Return a check for each marked grid that was not sampled again, with the reason."""
    checks = []
    for images in SETS:
        picture = pictures.get(grid_name(images))
        if picture is None or picture.mark is None or images in models:
            continue
        steps = picture.mark.sampling.get("steps", 1)
        reason = "no weights are handed in that could sample it"
        if isinstance(steps, int) and steps > _MAX_STEPS:
            reason = f"{steps:,} sampling steps are more than {_MAX_STEPS}"
        text = f"not sampled again: {reason}; ask for the run and use ddpm bundle --check --{images} RUN"
        checks.append(_check(grid_name(images), "not verifiable", text))
    return checks


def _check(subject: str, state: str, text: str) -> Record:
    return {"subject": subject, "state": state, "text": text}
