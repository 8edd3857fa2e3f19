"""The model card README.md of an exported folder, written from run files."""

from __future__ import annotations

from ddpm.commands.export.model_facts import SCORE_HEADER, ModelFacts
from ddpm.documents.markdown import literal
from ddpm.documents.tables import markdown_table

_STOCK = """```python
import torch
from diffusers import {name}

pipeline = {name}.from_pretrained("FOLDER")
generators = [torch.Generator().manual_seed(seed) for seed in range(4)]
images = pipeline(batch_size=4, generator=generators{options}).images
```"""
_CODE = """The folder holds a small `pipeline.py`, which diffusers runs only with `trust_remote_code=True`:
read it first.

```python
import torch
from diffusers import DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained("FOLDER", trust_remote_code=True)
generators = [torch.Generator().manual_seed(seed) for seed in range(4)]
images = pipeline(batch_size=4, generator=generators).images
```"""
_DDIM, _ANCESTRAL = "--sampler ddim --set sampling.spacing=trailing", "--sampler ancestral"
_MEMORIZATION = (
    "A diffusion model can repeat images that it was trained on. `ddpm evaluate` compares samples with the "
    "training images and with held-out ones; check that before you publish samples."
)


def card_text(facts: ModelFacts, stock: str, is_student: bool = False) -> str:
    """Return the card; `stock` is the class of the stock pipeline, "" for a folder with pipeline.py.

    `is_student`: the model is a few-step student, which has no settings of sampling.
    """
    options = ", use_clipped_model_output=True" if stock == "DDIMPipeline" else ""
    settings = _ANCESTRAL if stock == "DDPMPipeline" else _DDIM
    use = _STOCK.format(name=stock, options=options) if stock else _CODE
    command = f"`ddpm sample --seed i {settings}` with as many steps"
    if is_student:
        command = "`ddpm sample --seed i`"
    rows = [*facts.rows, ("weights", facts.weights)]
    parts = [
        "---\nlibrary_name: diffusers\nlicense: other\ntags:\n- unconditional-image-generation\n- diffusion\n"
        "- ddpm-studio\n---",
        f"# {literal(facts.name)}",
        f"{'A few-step student of a' if is_student else 'A'} diffusion model trained with ddpm-studio.",
        "![25 images, seeds 0 to 24, unpicked](grid.png)",
        "## Use",
        use,
        f"Image i is that of {command}.",
        "## The model",
        markdown_table(("", ""), rows),
    ]
    if facts.command:
        parts += ["Trained by:", f"```\n{facts.command}\n```"]
    if facts.scores:
        parts += ["## Scores", facts.scores_note, markdown_table(SCORE_HEADER, facts.scores)]
    parts += [
        "## Data",
        f"Trained on {literal(facts.data) or 'images that are not named'}. "
        f"License of the data: {facts.license}.",
        "## Memorization",
        _MEMORIZATION,
    ]
    return "\n\n".join(parts) + "\n"
