"""The works that a run rests on, by the choices in its configuration: what a report must cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORKS = {
    "ddpm": "J. Ho, A. Jain, P. Abbeel (2020), Denoising Diffusion Probabilistic Models, "
    "arXiv:2006.11239: the forward process, Algorithms 1 and 2, the loss",
    "unet": "O. Ronneberger, P. Fischer, T. Brox (2015), U-Net: Convolutional Networks for Biomedical "
    "Image Segmentation, arXiv:1505.04597: the network",
    "cosine": "A. Nichol, P. Dhariwal (2021), Improved Denoising Diffusion Probabilistic Models, "
    "arXiv:2102.09672: the cosine schedule, learned variances",
    "sigmoid": "A. Jabri, D. Fleet, T. Chen (2022), Scalable Adaptive Computation for Iterative "
    "Generation, arXiv:2212.11972: the sigmoid schedule",
    "flow": "Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le (2023), Flow Matching for Generative "
    "Modeling, arXiv:2210.02747: the straight path and its velocity",
    "edm": "T. Karras, M. Aittala, T. Aila, S. Laine (2022), Elucidating the Design Space of "
    "Diffusion-Based Generative Models, arXiv:2206.00364: the edm schedule and objective, Heun's sampler",
    "v": "T. Salimans, J. Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, "
    "arXiv:2202.00512: v-prediction",
    "min-snr": "T. Hang and others (2023), Efficient Diffusion Training via Min-SNR Weighting "
    "Strategy, arXiv:2303.09556: the weights of the loss",
    "p2": "J. Choi and others (2022), Perception Prioritized Training of Diffusion Models, "
    "arXiv:2204.00227: the weights of the loss",
    "ddim": "J. Song, C. Meng, S. Ermon (2021), Denoising Diffusion Implicit Models, "
    "arXiv:2010.02502: the sampler",
    "dpm++": "C. Lu and others (2022), DPM-Solver++: Fast Solver for Guided Sampling of Diffusion "
    "Probabilistic Models, arXiv:2211.01095: the sampler",
    "unipc": "W. Zhao and others (2023), UniPC: A Unified Predictor-Corrector Framework for Fast "
    "Sampling of Diffusion Models, arXiv:2302.04867: the sampler",
    "guidance": "J. Ho, T. Salimans (2022), Classifier-Free Diffusion Guidance, arXiv:2207.12598",
    "interval": "T. Kynkäänniemi and others (2024), Applying Guidance in a Limited Interval Improves "
    "Sample and Distribution Quality in Diffusion Models, arXiv:2404.07724",
    "adam": "D. Kingma, J. Ba (2015), Adam: A Method for Stochastic Optimization, arXiv:1412.6980",
    "adamw": "I. Loshchilov, F. Hutter (2019), Decoupled Weight Decay Regularization, "
    "arXiv:1711.05101: the optimizer",
    "muon": "K. Jordan and others (2024), Muon: An optimizer for hidden layers in neural networks, "
    "https://kellerjordan.github.io/posts/muon/",
    "dcgan": "A. Radford, L. Metz, S. Chintala (2015), Unsupervised Representation Learning with Deep "
    "Convolutional Generative Adversarial Networks, arXiv:1511.06434: the baseline",
}


# Choices whose paper stands under another name.
_SAME = {"velocity": "flow", "heun": "edm", "dpm++2m": "dpm++", "dpm++2m-sde": "dpm++"}


def works_of(config: Mapping[str, Any]) -> list[str]:
    """Citations for the values of a run's config.json, the model's own first; each once."""
    if config["model"] == "dcgan":
        return [WORKS["dcgan"], WORKS["adam"]]
    diffusion, sampling = config["diffusion"], config["sampling"]
    keys = ["ddpm", "unet", diffusion["schedule"], diffusion["objective"], diffusion["weighting"]]
    keys += ["cosine"] if diffusion["learned_variance"] else []
    keys += [sampling["sampler"]]
    if config["data"]["labels"] and sampling["guidance"] != 1:
        whole = list(sampling["guidance_interval"]) == [0.0, 1.0]
        keys += ["guidance"] if whole else ["guidance", "interval"]
    keys += [config["training"]["optimizer"]]
    known = (_SAME.get(key, key) for key in keys)
    return [WORKS[key] for key in dict.fromkeys(known) if key in WORKS]
