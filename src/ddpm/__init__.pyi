"""Public names for type checkers; `__init__.py` imports them when first used."""

from ddpm.api import build_model as build_model
from ddpm.api import fit as fit
from ddpm.api import sample as sample
from ddpm.commands.bundle.bundle import write_bundle as bundle
from ddpm.commands.bundle.check import check_bundle as check_bundle
from ddpm.commands.compare.compare import compare as compare
from ddpm.commands.distill.distill import distill as distill
from ddpm.commands.doctor.diagnose import diagnose as doctor
from ddpm.commands.edit.image_edits import inpaint as inpaint
from ddpm.commands.edit.image_edits import interpolate as interpolate
from ddpm.commands.edit.image_edits import refine as refine
from ddpm.commands.ema.average_choice import choose_average as ema
from ddpm.commands.evaluate.evaluate import evaluate as evaluate
from ddpm.commands.export.export import export as export
from ddpm.commands.forward.forward import forward as forward
from ddpm.commands.grade.grade import grade as grade
from ddpm.commands.plan.plan import plan as plan
from ddpm.commands.polish.polish import polish as polish
from ddpm.commands.report.report import write_report as report
from ddpm.commands.sampler_lab.lab import sampler_lab as sampler_lab
from ddpm.commands.train.train import train as train
from ddpm.config import Config as Config
from ddpm.config import with_overrides as with_overrides
from ddpm.data.batches import Batches as Batches
from ddpm.data.pixels import to_model as to_model
from ddpm.data.pixels import to_uint8 as to_uint8
from ddpm.diffusion.objectives import OBJECTIVES as OBJECTIVES
from ddpm.diffusion.objectives import make_objective as make_objective
from ddpm.diffusion.objectives import training_loss as training_loss
from ddpm.diffusion.process import add_noise as add_noise
from ddpm.diffusion.samplers import SAMPLERS as SAMPLERS
from ddpm.diffusion.samplers import Prediction as Prediction
from ddpm.diffusion.samplers import SamplerOptions as SamplerOptions
from ddpm.diffusion.schedules import SCHEDULES as SCHEDULES
from ddpm.diffusion.schedules import make_schedule as make_schedule
from ddpm.errors import RequestError as RequestError
from ddpm.errors import WorkError as WorkError
from ddpm.loading.datasets import open_dataset as open_dataset
from ddpm.loading.models import open_model as open_model
from ddpm.models.dcgan import Dcgan as Dcgan
from ddpm.models.ddpm import Ddpm as Ddpm
from ddpm.models.spec import ModelSpec as ModelSpec
from ddpm.networks.unet import UNet as UNet
from ddpm.presets import PRESETS as PRESETS
from ddpm.presets import get_preset as get_preset
from ddpm.randomness import ImageNoise as ImageNoise
from ddpm.runs import list_runs as list_runs
from ddpm.visuals.grids import save_grid as save_grid

__all__ = [
    "OBJECTIVES",
    "PRESETS",
    "SAMPLERS",
    "SCHEDULES",
    "Batches",
    "Config",
    "Dcgan",
    "Ddpm",
    "ImageNoise",
    "ModelSpec",
    "Prediction",
    "RequestError",
    "SamplerOptions",
    "UNet",
    "WorkError",
    "add_noise",
    "build_model",
    "bundle",
    "check_bundle",
    "compare",
    "distill",
    "doctor",
    "ema",
    "evaluate",
    "export",
    "fit",
    "forward",
    "get_preset",
    "inpaint",
    "interpolate",
    "list_runs",
    "make_objective",
    "make_schedule",
    "open_dataset",
    "open_model",
    "plan",
    "polish",
    "refine",
    "report",
    "sample",
    "sampler_lab",
    "save_grid",
    "to_model",
    "to_uint8",
    "train",
    "training_loss",
    "with_overrides",
]
