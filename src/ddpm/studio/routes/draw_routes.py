"""Routes of models and drawings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from ddpm.config import SamplerName, SpacingName
from ddpm.studio.draw_jobs import DrawOrder
from ddpm.studio.image_settings import settings_of_image
from ddpm.studio.services import Studio

router = APIRouter(prefix="/api")

MAX_IMAGES = 100  # of a drawing
MAX_GRID = 36  # drawings of one X/Y grid
SAMPLING_FIELDS = (
    "sampler", "steps", "guidance", "guide_scale", "guidance_interval", "guidance_rescale",
    "classifier_guidance", "spacing", "eta", "churn", "clip", "variance",
)  # fmt: skip
Id = Annotated[str, PathParameter(max_length=64)]
Index = Annotated[int, PathParameter(ge=0, le=4096)]


class DrawBody(BaseModel):
    """Images to draw. Settings that are left out are the model's own."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=128)
    seed: int = Field(0, ge=0, lt=2**53)  # numbers of JavaScript are exact up to there
    n: int = Field(25, ge=1, le=MAX_IMAGES)
    label: str | None = Field(None, max_length=200)
    sampler: SamplerName | None = None
    steps: int | None = Field(None, ge=1, le=4000)
    guidance: float | None = Field(None, gt=0, le=100)
    guide_scale: float | None = Field(None, ge=0, le=100)
    guidance_interval: tuple[float, float] | None = None
    guidance_rescale: float | None = Field(None, ge=0, le=1)
    classifier_guidance: float | None = Field(None, ge=0, le=1000)
    spacing: SpacingName | None = None
    eta: float | None = Field(None, ge=0, le=1)
    churn: float | None = Field(None, ge=0, le=1000)
    clip: Literal["static", "dynamic", "none"] | None = None
    variance: Literal["small", "large"] | None = None
    group: str = Field(
        "", max_length=64, description="newer drawings of a group replace older ones"
    )
    reader: str = Field(
        "", max_length=64, description="cancelled when the event stream of this page closes"
    )

    def order(self) -> DrawOrder:
        """Return the order for the worker."""
        values = [(name, getattr(self, name)) for name in SAMPLING_FIELDS]
        sampling = tuple((name, value) for name, value in values if value is not None)
        return DrawOrder(
            self.model, self.seed, self.n, self.label, sampling, self.group, self.reader
        )

    def sent(self) -> dict[str, Any]:
        """Return the request for the page, without what was left out."""
        return self.model_dump(exclude_none=True, exclude={"group", "reader"})


@router.get("/models")
def list_models(studio: Studio) -> list[dict[str, Any]]:
    """Return every model that can draw."""
    return [card.row() for card in studio.models.all()]


@router.get("/samplers")
async def list_samplers(studio: Studio) -> Any:
    """Return every sampler with its paper, order and usual steps."""
    return await studio.worker.ask("samplers")


@router.post("/draws", status_code=202)
async def start_drawing(body: DrawBody, studio: Studio) -> dict[str, Any]:
    """Queue a drawing."""
    (job,) = await studio.draws.submit([(body.order(), body.sent())])
    return {"id": job.id, "command": job.command}


@router.post("/draw-grids", status_code=202)
async def start_grid(
    draws: Annotated[list[DrawBody], Body(min_length=1, max_length=MAX_GRID)], studio: Studio
) -> list[dict[str, Any]]:
    """Queue the drawings of an X/Y grid, all or none."""
    jobs = await studio.draws.submit([(body.order(), body.sent()) for body in draws])
    return [{"id": job.id, "command": job.command} for job in jobs]


@router.get("/draws")
async def list_drawings(studio: Studio) -> list[dict[str, Any]]:
    """Return the newest drawings, without their frames."""
    return studio.draws.latest()


@router.get("/draws/{id}")
async def show_drawing(id: Id, studio: Studio) -> dict[str, Any]:
    """Return where a drawing stands."""
    return studio.draws.row(id)


@router.post("/draws/{id}/cancel")
async def cancel_drawing(id: Id, studio: Studio) -> dict[str, Any]:
    """Cancel a drawing that waits or runs."""
    job = studio.board.get(id, "draw")
    studio.drawings.cancel(job)
    return {"id": id, "state": job.state}


@router.get("/draws/{id}/frames/{index}/{kind}.png", response_class=Response)
def show_frame(id: Id, index: Index, kind: Literal["x", "x0"], studio: Studio) -> Response:
    """Return a grid of x_t or of the predicted x0 at a step."""
    return png(studio.draws.drawing(id).frame_png(index, kind))


@router.get("/draws/{id}/images/{index}.png", response_class=Response)
def show_image(id: Id, index: Index, studio: Studio) -> Response:
    """Return one image in its own size, with its settings inside."""
    return png(studio.draws.drawing(id).image_png(index))


@router.get("/draws/{id}/grid.png", response_class=Response)
def show_grid(id: Id, studio: Studio) -> Response:
    """Return the grid as `ddpm sample` writes it."""
    return png(studio.draws.drawing(id).grid_png())


@router.get("/draws/{id}/animation.gif", response_class=Response)
def show_animation(id: Id, studio: Studio) -> Response:
    """Return the reverse process as a GIF."""
    return Response(studio.draws.drawing(id).animation_gif(), media_type="image/gif")


@router.post(
    "/settings-of-image",
    openapi_extra={"requestBody": {"content": {"image/png": {}, "image/jpeg": {}}}},
)
async def read_settings(request: Request, studio: Studio) -> dict[str, Any]:
    """Return the request that drew a picture: the raw body, a PNG or JPEG."""
    return await settings_of_image(await request.body(), studio.models, studio.worker)


def png(content: bytes) -> Response:
    """Return the response with a PNG."""
    return Response(content, media_type="image/png")
