"""Routes of the hand-in."""

from __future__ import annotations

import asyncio
import shlex
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from ddpm.errors import RequestError
from ddpm.studio.bundles import BundleOrder, read_findings
from ddpm.studio.gate import SECURITY_HEADERS
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services, Studio

router = APIRouter(prefix="/api/bundles")

Id = Annotated[str, PathParameter(max_length=64)]
RunId = Annotated[str | None, Field(max_length=80)]
FRAMED = {  # the page shows the report in a frame of its own
    "content-security-policy": SECURITY_HEADERS["content-security-policy"].replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    ),
    "x-frame-options": "SAMEORIGIN",
}


class BundleBody(BaseModel):
    """The student's id, runs by id, and the author's words in Markdown."""

    model_config = ConfigDict(extra="forbid")

    student_id: str = Field(max_length=64)
    mnist: RunId = None
    anime: RunId = None
    dcgan: RunId = None
    notes: str | None = Field(None, max_length=200_000)
    lang: str = Field("en", pattern="^[A-Za-z-]{2,12}$")


@router.post("", status_code=202)
async def start_bundle(body: BundleBody, studio: Studio) -> dict[str, Any]:
    """Queue `ddpm bundle`, and the check of its zip."""
    if body.mnist is None or body.anime is None:
        raise RequestError("A hand-in needs a run on MNIST and a run on anime faces; choose both.")
    id, words = await asyncio.to_thread(_prepare, body, studio)
    job = Job("bundle", f"hand-in of {body.student_id}", {}, shlex.join(["ddpm", *words]))

    async def result(output: str) -> dict[str, Any]:
        try:
            checked = await studio.command_jobs.output(job, studio.bundles.check_words(id))
            findings = read_findings(checked)
        except RequestError as error:
            findings = [{"ok": False, "verdict": "wrong", "sentence": str(error)}]
        return studio.bundles.result(id, findings)

    return studio.command_jobs.submit(job, words, result).row()


def _prepare(body: BundleBody, studio: Services) -> tuple[str, list[str]]:
    """Return the id of the hand-in and the words after `ddpm`."""
    targets = {
        name: str(studio.runs.get(id).root)
        for name in ("mnist", "anime", "dcgan")
        if (id := getattr(body, name)) is not None
    }
    order = BundleOrder(body.student_id, notes=body.notes, language=body.lang, **targets)
    return studio.bundles.prepare(order)


@router.get("/{id}/zip", response_class=Response)
def show_zip(id: Id, studio: Studio) -> FileResponse:
    """Return the zip to hand in."""
    path = studio.bundles.zip_file(id)
    return FileResponse(path, media_type="application/zip", filename=path.name)


@router.get("/{id}/report.pdf", response_class=Response)
def show_report(id: Id, studio: Studio) -> Response:
    """Return the report inside the zip."""
    content = studio.bundles.report(id)
    return Response(content, media_type="application/pdf", headers=FRAMED)
