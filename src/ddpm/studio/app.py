"""The server's application: routes behind the gate, and errors as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ddpm.errors import RequestError, WorkError
from ddpm.studio import page_files
from ddpm.studio.access import Access
from ddpm.studio.gate import Gate
from ddpm.studio.jobs import UNEXPECTED
from ddpm.studio.refusals import RefusalError
from ddpm.studio.routes import (
    compare_routes,
    draw_routes,
    edit_routes,
    handin_routes,
    job_routes,
    lab_routes,
    run_routes,
    train_routes,
    understand_routes,
)
from ddpm.studio.services import Services
from ddpm.studio.studio_version import studio_version

ROUTE_ERRORS = {  # of the routing, by status
    400: "The request is not JSON that can be read.",
    404: "There is nothing at this address.",
    405: "This address is read or written in another way.",
}
ROUTERS = (
    job_routes.router,
    draw_routes.router,
    edit_routes.router,
    compare_routes.router,
    lab_routes.router,
    handin_routes.router,
    run_routes.router,
    train_routes.router,
    understand_routes.router,
    page_files.router,
)


def make_app(services: Services) -> FastAPI:
    """Return the application without its gate."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.stop()

    app = FastAPI(
        title="ddpm studio",
        version=studio_version(),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    _handle_errors(app)
    return app


def make_gate(services: Services, access: Access, hosts: frozenset[str]) -> Gate:
    """Return the application behind its gate; nothing gets around it."""
    return Gate(make_app(services), access, hosts, services.request.limits)


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusalError)
    async def refuse(request: Request, error: RefusalError) -> JSONResponse:
        return _error(error.status, error.sentence)

    @app.exception_handler(RequestError)
    async def refuse_request(request: Request, error: RequestError) -> JSONResponse:
        return _error(422, str(error))

    @app.exception_handler(WorkError)
    async def report_failure(request: Request, error: WorkError) -> JSONResponse:
        return _error(503, str(error))

    @app.exception_handler(RequestValidationError)
    async def refuse_values(request: Request, error: RequestValidationError) -> JSONResponse:
        return _error(422, _validation_sentence(error))

    @app.exception_handler(HTTPException)
    async def refuse_route(request: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, ROUTE_ERRORS.get(error.status_code, f"{error.detail}."))

    @app.exception_handler(Exception)
    async def report_unexpected(request: Request, error: Exception) -> JSONResponse:
        return _error(500, UNEXPECTED)


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


def _validation_sentence(error: RequestValidationError) -> str:
    """Return what is wrong with the first wrong value of a request."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "The request"
    return f"{where}: {first['msg']}."
